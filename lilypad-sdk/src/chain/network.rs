//! The networks that are known by name.
//!
//! Four presets describe the existing network (spec/network.md §8.6); `local` is ours: a whole network inside the
//! process or served by `lilypad devnet` on this machine. A preset pins how deals settle and how requests are signed,
//! and a solver that announces otherwise is refused (design.md §11, ruling 1).

use std::collections::BTreeMap;

use alloy_primitives::{Address, address};

pub use crate::types::{AuthMode, Settlement};

/// Where the contracts of one set are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Contracts {
    /// Entry point of every party, and registry of the others.
    pub controller: Address,
    /// Turns transitions into escrow movements.
    pub payments: Address,
    /// Deals, agreements and results.
    pub storage: Address,
    /// Directory of services.
    pub users: Address,
    /// The LP token with its escrow.
    pub token: Address,
    /// Draws mediators and relays verdicts.
    pub mediation: Address,
    /// Lets contracts order jobs.
    pub job_creator: Option<Address>,
    /// Proof-of-work rounds.
    pub pow: Option<Address>,
}

impl Contracts {
    /// The same by the contracts' own names; the proof-of-work contract by its proxy's.
    #[must_use]
    pub fn by_name(&self) -> BTreeMap<String, Address> {
        [
            ("LilypadController", Some(self.controller)),
            ("LilypadPayments", Some(self.payments)),
            ("LilypadStorage", Some(self.storage)),
            ("LilypadUsers", Some(self.users)),
            ("LilypadToken", Some(self.token)),
            ("LilypadMediationRandom", Some(self.mediation)),
            ("LilypadOnChainJobCreator", self.job_creator),
            ("LilypadPowProxy", self.pow),
        ]
        .into_iter()
        .filter_map(|(name, address)| Some((name.to_owned(), address?)))
        .collect()
    }
}

/// Addresses that somebody gave for single contracts; what is `None` is taken from elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GivenContracts {
    /// For [`Contracts::payments`].
    pub payments: Option<Address>,
    /// For [`Contracts::storage`].
    pub storage: Option<Address>,
    /// For [`Contracts::users`].
    pub users: Option<Address>,
    /// For [`Contracts::token`].
    pub token: Option<Address>,
    /// For [`Contracts::mediation`].
    pub mediation: Option<Address>,
    /// For [`Contracts::job_creator`].
    pub job_creator: Option<Address>,
    /// For [`Contracts::pow`].
    pub pow: Option<Address>,
}

impl GivenContracts {
    /// `others` with the addresses that were given.
    #[must_use]
    pub fn over(&self, others: Contracts) -> Contracts {
        Contracts {
            controller: others.controller,
            payments: self.payments.unwrap_or(others.payments),
            storage: self.storage.unwrap_or(others.storage),
            users: self.users.unwrap_or(others.users),
            token: self.token.unwrap_or(others.token),
            mediation: self.mediation.unwrap_or(others.mediation),
            job_creator: self.job_creator.or(others.job_creator),
            pow: self.pow.or(others.pow),
        }
    }
}

/// A named network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Network {
    /// The name that `-n` takes.
    pub name: &'static str,
    /// Chain id that every endpoint must report.
    pub chain_id: u64,
    /// Endpoints, tried in order. Empty for `local`, whose address is known only while it runs.
    pub rpc_urls: &'static [&'static str],
    /// Contracts at fixed addresses.
    pub contracts: Contracts,
    /// Address under which the solver is registered.
    pub solver: Address,
    /// Mediators that parties accept by default.
    pub mediators: &'static [Address],
    /// Host of the metrics API, empty when there is none.
    pub api_host: &'static str,
    /// Address of the IPFS API as multiaddress, empty when there is none.
    pub ipfs: &'static str,
    /// How deals settle.
    pub settlement: Settlement,
    /// How requests are signed.
    pub auth: AuthMode,
}

/// A name that no preset has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("network {name} does not exist (known: {})", Network::names().join(", "))]
pub struct UnknownNetwork {
    /// The name that was asked for.
    pub name: String,
}

const DEV_SOLVER: Address = address!("0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC");
const DEV_MEDIATORS: &[Address] = &[address!("0x90F79bf6EB2c4f870365E785982E1f101E93b906")];
const LOCAL_IPFS: &str = "/ip4/127.0.0.1/tcp/5001";

const TESTNET: Network = Network {
    name: "testnet",
    chain_id: 421_614,
    rpc_urls: &[
        "wss://arbitrum-sepolia-rpc.publicnode.com",
        "wss://rpc.ankr.com/arbitrum_sepolia",
        "wss://arbitrum-sepolia.drpc.org/",
        "wss://testnet-rpc.etherspot.io/v1/421614",
        "wss://endpoints.omniatech.io/v1/arbitrum/sepolia/public",
    ],
    contracts: Contracts {
        controller: address!("0x4a83270045FB4BCd1bdFe1bD6B00762A9D8bbF4E"),
        payments: address!("0xdE7CEa09A23e7Aa4980B95F69B8912F39A0e323A"),
        storage: address!("0x8d06cEB457d336c6c938FCe9C4862615a4F79af0"),
        users: address!("0x90ed1AC9c74B9340468134F8c669BA1169A11c58"),
        token: address!("0x0352485f8a3cB6d305875FaC0C40ef01e0C06535"),
        mediation: address!("0xD1377D4617CD634426A8b595507fd2045A2DFB03"),
        job_creator: Some(address!("0xDBA89e33EFE2eD227c04CB31356EFdE618d4953F")),
        pow: Some(address!("0x8B852BA45293d6dd51B10c57625C6c5f25ADFB40")),
    },
    solver: address!("0xe05e1b71955da4934938a6b16f97e1db9de6b764"),
    mediators: &[address!("0x7B49d6ee530B0A538D26E344f3B02E79ACa96De2")],
    api_host: "https://api-testnet.lilypad.tech/",
    ipfs: LOCAL_IPFS,
    settlement: Settlement::OffChain,
    auth: AuthMode::Legacy,
};

const DEVNET_CONTRACTS: Contracts = Contracts {
    controller: address!("0x9A9f2CCfdE556A7E9Ff0848998Aa4a0CFD8863AE"),
    payments: address!("0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"),
    storage: address!("0xDc64a140Aa3E981100a9becA4E685f962f0cF6C9"),
    users: address!("0x0165878A594ca255338adfa4d48449f69242Eb8F"),
    token: address!("0x5FbDB2315678afecb367f032d93F642f64180aa3"),
    mediation: address!("0x2279B7A0a67DB372996a5FaB50D91eAA73d2eBe6"),
    job_creator: Some(address!("0x610178dA211FEF7D417bC0e6FeD39F05609AD788")),
    pow: Some(address!("0x4ed7c70F96B99c776995fB64377f0d4aB3B0e1C1")),
};

const DEMONET: Network = Network {
    name: "demonet",
    chain_id: 412_347,
    rpc_urls: &["wss://demonet-chain-ws.lilypad.tech"],
    contracts: Contracts { pow: Some(address!("0x0B306BF915C4d645ff596e518fAf3F9669b97016")), ..DEVNET_CONTRACTS },
    solver: DEV_SOLVER,
    mediators: DEV_MEDIATORS,
    api_host: "",
    ipfs: "",
    settlement: Settlement::OffChain,
    auth: AuthMode::Legacy,
};

const DEVNET: Network = Network {
    name: "devnet",
    chain_id: 412_346,
    rpc_urls: &["wss://devnet-chain-ws.lilypad.tech"],
    contracts: DEVNET_CONTRACTS,
    solver: DEV_SOLVER,
    mediators: DEV_MEDIATORS,
    api_host: "https://api-devnet.lilypad.tech/",
    ipfs: LOCAL_IPFS,
    settlement: Settlement::OffChain,
    auth: AuthMode::Legacy,
};

const DEV: Network = Network {
    name: "dev",
    chain_id: 412_346,
    rpc_urls: &["ws://localhost:8548"],
    contracts: Contracts {
        controller: address!("0xa85233C63b9Ee964Add6F2cffe00Fd84eb32338f"),
        payments: address!("0x2279B7A0a67DB372996a5FaB50D91eAA73d2eBe6"),
        storage: address!("0xB7f8BC63BbcaD18155201308C8f3540b07f84F5e"),
        users: address!("0x0DCd1Bf9A1b36cE34237eEaFef220932846BCD82"),
        token: address!("0xA513E6E4b8f2a923D98304ec87F64353C4D5C853"),
        mediation: address!("0x0B306BF915C4d645ff596e518fAf3F9669b97016"),
        job_creator: Some(address!("0x9A9f2CCfdE556A7E9Ff0848998Aa4a0CFD8863AE")),
        pow: Some(address!("0x4ed7c70F96B99c776995fB64377f0d4aB3B0e1C1")),
    },
    solver: DEV_SOLVER,
    mediators: DEV_MEDIATORS,
    api_host: "",
    ipfs: LOCAL_IPFS,
    settlement: Settlement::OffChain,
    auth: AuthMode::Legacy,
};

// Addresses that the first development account creates at nonces 0, 1, 4, 6, 8, 10, 17 and 18; tests of `deploy` hold them.
const LOCAL: Network = Network {
    name: "local",
    chain_id: 31_337,
    rpc_urls: &[],
    contracts: Contracts {
        token: address!("0x5FbDB2315678afecb367f032d93F642f64180aa3"),
        payments: address!("0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"),
        storage: address!("0xDc64a140Aa3E981100a9becA4E685f962f0cF6C9"),
        users: address!("0x0165878A594ca255338adfa4d48449f69242Eb8F"),
        mediation: address!("0x2279B7A0a67DB372996a5FaB50D91eAA73d2eBe6"),
        controller: address!("0x68B1D87F95878fE05B998F19b66F4baba5De1aed"),
        job_creator: Some(address!("0x610178dA211FEF7D417bC0e6FeD39F05609AD788")),
        pow: Some(address!("0x9A9f2CCfdE556A7E9Ff0848998Aa4a0CFD8863AE")),
    },
    solver: DEV_SOLVER,
    mediators: DEV_MEDIATORS,
    api_host: "",
    ipfs: "",
    settlement: Settlement::OnChain,
    auth: AuthMode::Bound,
};

const ALL: [Network; 5] = [TESTNET, DEMONET, DEVNET, DEV, LOCAL];

impl Network {
    /// The public test network on Arbitrum Sepolia; the default.
    #[must_use]
    pub const fn testnet() -> Self {
        TESTNET
    }

    /// A private chain with public keys, for demonstrations.
    #[must_use]
    pub const fn demonet() -> Self {
        DEMONET
    }

    /// The developers' shared private chain.
    #[must_use]
    pub const fn devnet() -> Self {
        DEVNET
    }

    /// The existing stack on this machine.
    #[must_use]
    pub const fn dev() -> Self {
        DEV
    }

    /// Our network on this machine: on-chain settlement, bound requests, well-known keys.
    #[must_use]
    pub const fn local() -> Self {
        LOCAL
    }

    /// Every preset, `testnet` first.
    #[must_use]
    pub const fn all() -> &'static [Self] {
        const { &ALL }
    }

    /// The names that `-n` takes.
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        ALL.iter().map(|network| network.name).collect()
    }

    /// The preset called `name`.
    ///
    /// # Errors
    ///
    /// [`UnknownNetwork`], which lists the names that exist.
    pub fn named(name: &str) -> Result<Self, UnknownNetwork> {
        ALL.iter().find(|network| network.name == name).copied().ok_or_else(|| UnknownNetwork { name: name.to_owned() })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn unknown_name_lists_the_known_ones() {
        let error = Network::named("mainnet").unwrap_err();
        assert_eq!(error.to_string(), "network mainnet does not exist (known: testnet, demonet, devnet, dev, local)");
    }

    #[test]
    fn only_local_settles_on_chain_and_binds_requests() {
        for network in Network::all() {
            assert_eq!(Network::named(network.name).unwrap(), *network);
            let ours = network.name == "local";
            assert_eq!(network.settlement == Settlement::OnChain, ours, "{}", network.name);
            assert_eq!(network.auth == AuthMode::Bound, ours, "{}", network.name);
            assert_eq!(network.rpc_urls.is_empty(), ours, "{}", network.name);
        }
    }

    #[test]
    fn local_addresses_are_those_of_the_first_account() {
        let admin = address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
        let local = Network::local().contracts;
        let expected = [
            local.token,
            local.payments,
            local.storage,
            local.users,
            local.mediation,
            local.controller,
            local.job_creator.unwrap(),
            local.pow.unwrap(),
        ];
        for (nonce, address) in [0, 1, 4, 6, 8, 18, 10, 17].into_iter().zip(expected) {
            assert_eq!(admin.create(nonce), address, "nonce {nonce}");
        }
    }
}
