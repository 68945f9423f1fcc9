//! `lilypad run` and `lilypad jobs attach`.

use std::path::PathBuf;

use lilypad_sdk::{
    module::{ModuleError, ModuleReference, ModuleSource, TEMPLATE_PATH, parse_input_flag},
    types::{Address, DealPricing, PricingMode},
};

use super::{
    Connection, Reader,
    read::{Given, integer},
};
use crate::{
    args::{AttachArgs, GlobalArgs, PricingArgs, RunArgs},
    env,
    exit::Failure,
};

/// Most whole tokens that a price may name; what an amount of 128 bits holds, rounded down.
const MAX_TOKENS: u64 = 1_000_000_000_000;

/// A job to run.
#[derive(Clone, Debug)]
pub(crate) struct RunSettings {
    pub(crate) connection: Connection,
    /// As typed, or put together from repository, revision and path.
    pub(crate) module: String,
    /// Where its template lies, when not at the usual place.
    pub(crate) module_path: Option<String>,
    pub(crate) inputs: Vec<(String, String)>,
    pub(crate) allow_altered_inputs: bool,
    pub(crate) inputs_path: Option<PathBuf>,
    pub(crate) target: Option<Address>,
    pub(crate) mediation_chance: u8,
    pub(crate) pricing: Pricing,
    pub(crate) view: ViewSettings,
    pub(crate) detach: bool,
}

/// What the offer says about money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pricing {
    pub(crate) mode: PricingMode,
    pub(crate) prices: DealPricing,
    pub(crate) max_price: Option<u64>,
}

/// What is done with a result.
#[derive(Clone, Debug, Default)]
pub(crate) struct ViewSettings {
    pub(crate) out_dir: Option<PathBuf>,
    pub(crate) show: bool,
}

/// A job to take up again.
#[derive(Clone, Debug)]
pub(crate) struct AttachSettings {
    pub(crate) connection: Connection,
    pub(crate) id: String,
    pub(crate) view: ViewSettings,
}

impl RunSettings {
    pub(crate) fn resolve(reader: &Reader<'_>, global: &GlobalArgs, args: &RunArgs) -> Result<Self, Failure> {
        let (module, module_path) = module(reader, args)?;
        let inputs =
            args.input.iter().map(|text| parse_input_flag(text)).collect::<Result<_, _>>().map_err(of_module)?;
        let connection = Connection::resolve(reader, global, &args.web3, &args.services)?;
        if ModuleReference::parse(&module).is_ok_and(|reference| reference.directory().is_some())
            && !connection.is_local()
        {
            return Err(Failure::usage(format!("module {module} is a folder, which only -n local can run"))
                .hint("push it to a public repository and run HOST/OWNER/REPO:REF"));
        }
        let target = reader.text(args.target.as_deref(), &env::TARGET)?;
        Ok(Self {
            connection,
            module,
            module_path,
            inputs,
            allow_altered_inputs: args.allow_altered_inputs,
            inputs_path: inputs_path(reader, args)?,
            target: target.as_ref().map(Given::address).transpose()?,
            mediation_chance: mediation_chance(reader, args)?,
            pricing: pricing(reader, &args.pricing)?,
            view: ViewSettings::resolve(args.out_dir.clone(), args.show)?,
            detach: args.detach,
        })
    }
}

impl AttachSettings {
    pub(crate) fn resolve(reader: &Reader<'_>, global: &GlobalArgs, args: &AttachArgs) -> Result<Self, Failure> {
        Ok(Self {
            connection: Connection::resolve(reader, global, &args.web3, &args.services)?,
            id: args.id.clone(),
            view: ViewSettings::resolve(args.out_dir.clone(), args.show)?,
        })
    }
}

impl ViewSettings {
    /// Refuses a folder that holds something, before anything is paid.
    pub(crate) fn resolve(out_dir: Option<PathBuf>, show: bool) -> Result<Self, Failure> {
        let Some(folder) = &out_dir else { return Ok(Self { out_dir, show }) };
        let holds_something = match std::fs::read_dir(folder) {
            Ok(mut entries) => entries.next().is_some(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
            Err(error) => {
                return Err(Failure::usage(format!("output folder {}: {error}", folder.display()))
                    .hint("name a folder that does not exist yet, or an empty one"));
            }
        };
        if holds_something {
            return Err(Failure::usage(format!("output folder {} is not empty", folder.display()))
                .hint("name a folder that does not exist yet, or empty this one"));
        }
        Ok(Self { out_dir, show })
    }
}

fn of_module(error: ModuleError) -> Failure {
    let failure = Failure::usage(error.to_string());
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// The flag `--module-path`, else `MODULE_PATH`.
pub(crate) fn template_path(reader: &Reader<'_>, flag: Option<&str>) -> Result<Option<String>, Failure> {
    Ok(reader.text(flag, &env::MODULE_PATH)?.map(|given| given.text))
}

/// The module with its template at that path.
pub(crate) fn at_path(reference: ModuleReference, path: &str) -> Result<ModuleReference, Failure> {
    reference.with_path(path).map_err(|error| {
        Failure::usage(format!("--module-path or MODULE_PATH: {error}"))
            .hint("give the template's path inside the repository, such as sub/lilypad_module.json.tmpl")
    })
}

/// The argument, else `--module-name`, else repository, revision and path. A name has its template at the usual place, whatever
/// `MODULE_PATH` says (as on the existing network), unless the flag says otherwise. A folder is no name.
fn module(reader: &Reader<'_>, args: &RunArgs) -> Result<(String, Option<String>), Failure> {
    let named = match &args.module {
        Some(text) => Some(Given { text: text.clone(), origin: "MODULE".to_owned() }),
        None => reader.text(args.module_name.as_deref(), &env::MODULE_NAME)?,
    };
    let (text, mut path) = match named {
        Some(given) => (given.text, args.module_path.clone()),
        None => from_repository(reader, args)?,
    };
    let reference = ModuleReference::parse(&text).map_err(of_module)?;
    if reference.directory().is_some() {
        path = template_path(reader, args.module_path.as_deref())?;
    }
    if let Some(path) = &path {
        at_path(reference, path)?;
    }
    Ok((text, path))
}

fn from_repository(reader: &Reader<'_>, args: &RunArgs) -> Result<(String, Option<String>), Failure> {
    let repo = reader.text(args.module_repo.as_deref(), &env::MODULE_REPO)?;
    let hash = reader.text(args.module_hash.as_deref(), &env::MODULE_HASH)?;
    let path = template_path(reader, args.module_path.as_deref())?;
    let Some((repo, hash)) = repo.as_ref().zip(hash.as_ref()) else {
        let name = match (repo, hash, path) {
            (None, None, None) => {
                return Err(Failure::usage("module name is empty")
                    .hint("lilypad run NAME:TAG, for example: lilypad run -n local cowsay:v0.0.4"));
            }
            (None, ..) => "MODULE_REPO",
            (Some(_), ..) => "MODULE_HASH",
        };
        return Err(Failure::usage(format!("{name} is required"))
            .hint("give --module-repo and --module-hash together, or the module as NAME:TAG"));
    };
    let source = ModuleSource { repo: repo.text.clone(), hash: hash.text.clone(), path: TEMPLATE_PATH.to_owned() };
    Ok((source.to_string(), path))
}

fn inputs_path(reader: &Reader<'_>, args: &RunArgs) -> Result<Option<PathBuf>, Failure> {
    let Some(path) = reader.path(args.inputs_path.as_ref(), &env::INPUTS_PATH) else { return Ok(None) };
    let hint = "give the folder that holds the module's input files with --inputs-path";
    let metadata = std::fs::metadata(&path)
        .map_err(|error| Failure::usage(format!("inputs path error: {}: {error}", path.display())).hint(hint))?;
    if !metadata.is_dir() {
        return Err(Failure::usage(format!("inputs path must be a directory: {}", path.display())).hint(hint));
    }
    Ok(Some(path))
}

fn mediation_chance(reader: &Reader<'_>, args: &RunArgs) -> Result<u8, Failure> {
    let Some(given) = reader.text(args.mediation_chance.as_deref(), &env::MEDIATION_CHANCE)? else { return Ok(0) };
    match given.text.trim().parse::<i64>() {
        Ok(chance) if !(0..=100).contains(&chance) => {
            Err(Failure::usage(format!("mediation-chance must be between 0 and 100, {} says {chance}", given.origin))
                .hint("give a percentage, such as --mediation-chance 10"))
        }
        _ => integer(&given, 0..=100, ""),
    }
}

fn pricing(reader: &Reader<'_>, args: &PricingArgs) -> Result<Pricing, Failure> {
    let mode = match reader.text(args.pricing_mode.as_deref(), &env::PRICING_MODE)? {
        None => PricingMode::Market,
        Some(given) => match given.text.as_str() {
            "MarketPrice" => PricingMode::Market,
            "FixedPrice" => PricingMode::Fixed,
            _ => return Err(given.invalid("MarketPrice or FixedPrice")),
        },
    };
    let tokens = |flag: &Option<String>, variable, default| {
        reader
            .text(flag.as_deref(), variable)?
            .map_or(Ok(default), |given| integer(&given, 0..=MAX_TOKENS, " of tokens"))
    };
    let multiple =
        reader.text(args.pricing_results_collateral_multiple.as_deref(), &env::PRICING_RESULTS_COLLATERAL_MULTIPLE)?;
    let max_price = args.max_price.clone().map(|text| Given { text, origin: "--max-price".to_owned() });
    Ok(Pricing {
        mode,
        prices: DealPricing {
            instruction_price: tokens(&args.pricing_instruction_price, &env::PRICING_INSTRUCTION_PRICE, 1)?,
            payment_collateral: tokens(&args.pricing_payment_collateral, &env::PRICING_PAYMENT_COLLATERAL, 2)?,
            results_collateral_multiple: multiple.map_or(Ok(2), |given| integer(&given, 0..=MAX_TOKENS, ""))?,
            mediation_fee: tokens(&args.pricing_mediation_fee, &env::PRICING_MEDIATION_FEE, 1)?,
        },
        max_price: max_price.map(|given| integer(&given, 0..=MAX_TOKENS, " of tokens")).transpose()?,
    })
}
