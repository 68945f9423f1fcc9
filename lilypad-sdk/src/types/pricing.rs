//! Prices of a deal.

use super::record::record;

record! {
    /// Prices of an offer or deal, in whole tokens. Source: network.md §1.6.
    pub DealPricing {
        /// Whole tokens per unit of `instruction_count`.
        "instruction_price" instruction_price: u64,
        /// Whole tokens the creator locks for the payment.
        "payment_collateral" payment_collateral: u64,
        /// The provider locks this multiple of the job's cost with its result.
        "results_collateral_multiple" results_collateral_multiple: u64,
        /// Whole tokens the creator pays when a mediator is called.
        "mediation_fee" mediation_fee: u64,
    }
}

/// How an offer names its price. Source: network.md §1.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PricingMode {
    /// `MarketPrice`: the cheapest provider, at the provider's price.
    Market,
    /// `FixedPrice`: no provider above the offer's own price.
    Fixed,
}

impl PricingMode {
    /// The wire's text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Market => "MarketPrice",
            Self::Fixed => "FixedPrice",
        }
    }
}
