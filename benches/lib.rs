//! Benchmarks; one file per room. This library makes the load that they share, from fixed seeds.

use lilypad_sdk::types::{
    DealPricing, GpuSpec, JobOffer, JobOfferContainer, MachineSpec, ResourceOffer, ResourceOfferContainer, Timestamp,
    TrustedParties,
};

/// A small random generator (splitmix64): the same numbers on every machine.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    /// One of `choices`.
    pub fn one<T: Copy>(&mut self, choices: &[T]) -> T {
        let at = self.below(choices.len() as u64);
        choices[usize::try_from(at).unwrap_or(0)]
    }

    fn below_signed(&mut self, limit: u32) -> i64 {
        i64::try_from(self.below(u64::from(limit))).unwrap_or(0)
    }

    /// A machine: of the sizes that providers offer and modules ask for.
    fn spec(&mut self) -> MachineSpec {
        let gpus = self.one(&[0, 0, 1, 1, 2, 8]);
        let vram_mib = self.one(&[8_192, 16_384, 24_576, 49_152, 81_920]);
        let gpu = GpuSpec { name: "GPU".to_owned(), vendor: "NVIDIA".to_owned(), vram_mib };
        MachineSpec {
            gpu: gpus,
            gpus: Some((0..gpus).map(|_| gpu.clone()).collect()),
            cpu_milli: self.one(&[1_000, 2_000, 4_000, 8_000, 16_000, 64_000]),
            ram: self.one(&[1, 2, 4, 16, 64, 256]) << 30,
            disk: self.one(&[0, 10, 100, 1_000]) << 30,
        }
    }
}

fn trusted() -> TrustedParties {
    TrustedParties {
        solver: "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC".to_owned(),
        mediators: Some(vec!["0x90F79bf6EB2c4f870365E785982E1f101E93b906".to_owned()]),
        api_host: String::new(),
    }
}

/// `count` resource offers, each of a provider of its own.
pub fn resource_offers(count: usize, seed: u64) -> Vec<ResourceOfferContainer> {
    let mut random = Random(seed);
    let offers = (0..count).map(|number| {
        ResourceOfferContainer::new(ResourceOffer {
            created_at: Timestamp::from_millis(1_700_000_000_000 + random.below_signed(1_000_000)),
            resource_provider: format!("0x{number:040x}"),
            spec: random.spec(),
            modules: Some(Vec::new()),
            mode: "FixedPrice".to_owned(),
            default_pricing: DealPricing { instruction_price: random.below(100), ..DealPricing::default() },
            trusted_parties: trusted(),
            ..ResourceOffer::default()
        })
    });
    offers.collect()
}

/// `count` job offers, three of four at the market's price.
pub fn job_offers(count: usize, seed: u64) -> Vec<JobOfferContainer> {
    let mut random = Random(seed);
    let offers = (0..count).map(|number| {
        JobOfferContainer::new(JobOffer {
            created_at: Timestamp::from_millis(1_700_000_000_000 + random.below_signed(1_000_000)),
            nonce: format!("{number:021}"),
            job_creator: "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65".to_owned(),
            spec: random.spec(),
            inputs: Some([("Message".to_owned(), "hello, lilypad".to_owned())].into()),
            mode: random.one(&["MarketPrice", "MarketPrice", "MarketPrice", "FixedPrice"]).to_owned(),
            pricing: DealPricing { instruction_price: random.below(100), ..DealPricing::default() },
            trusted_parties: trusted(),
            ..JobOffer::default()
        })
    });
    offers.collect()
}
