//! The solver as the server sees it.

use std::{path::PathBuf, sync::Arc};

use tokio::sync::broadcast;

use super::{market::Change, run::Office};
use crate::{
    api::{ApiError, ApiResult, Caller, DealQuery, JobOfferQuery, Party, Refusal, ResourceOfferQuery, SolverInfo},
    client::driver::now,
    deal::AgreementState,
    server::{Backend, TempUpload},
    types::{
        Address, Amount, DealContainer, DealId, JobCreatorTransactions, JobOffer, JobOfferContainer, JobOfferId,
        JobResult, MediatorTransactions, ResourceOffer, ResourceOfferContainer, ResourceProviderTransactions,
        Settlement, SolverEvent, U256,
    },
};

/// Least ether of a provider, wei (network.md §3.5): 0.0006 ETH.
const PROVIDER_ETHER: u64 = 600_000_000_000_000;

impl Backend for Office {
    fn info(&self) -> SolverInfo {
        SolverInfo { time_ms: now(), ..self.info.clone() }
    }

    fn subscribe(&self) -> broadcast::Receiver<Arc<SolverEvent>> {
        self.desk.subscribe()
    }

    fn health(&self) -> Result<(), String> {
        self.health.says()
    }

    async fn check_capacity(&self) -> ApiResult<()> {
        self.desk.ask(|market| market.check_capacity()).await
    }

    async fn job_offers(&self, _caller: Caller, query: JobOfferQuery) -> ApiResult<Vec<JobOfferContainer>> {
        self.desk.ask(move |market| Ok(market.job_offers(&query))).await
    }

    async fn job_offer(&self, id: JobOfferId) -> ApiResult<Option<JobOfferContainer>> {
        self.desk.ask(move |market| Ok(market.job_offer(&id).cloned())).await
    }

    async fn post_job_offer(
        &self,
        _caller: Caller,
        offer: JobOffer,
        inputs: Option<TempUpload>,
    ) -> ApiResult<JobOfferContainer> {
        if let Some(inputs) = inputs {
            // The first archive of an offer stands: what a provider ran on is what a mediator gets.
            inputs.persist_once(&self.inputs_path(&offer.compute_id())?).map_err(ApiError::internal)?;
        }
        self.desk
            .step(move |market, now| {
                let (container, mut change) = market.post_job_offer(offer)?;
                let id = container.id.clone();
                change.append(market.solve(now));
                change.events.push(SolverEvent::job_offer(crate::types::EventType::JobOfferAdded, container));
                // The answer shows the deal when there is one already.
                let container =
                    market.job_offer(&id).cloned().ok_or_else(|| ApiError::internal("the offer is gone"))?;
                Ok((container, change))
            })
            .await
    }

    async fn cancel_job_offer(&self, _caller: Caller, id: JobOfferId) -> ApiResult<JobOfferContainer> {
        self.read_agreement(&id).await?;
        self.desk.step(move |market, _| market.cancel_job_offer(&id)).await
    }

    async fn resource_offers(
        &self,
        _caller: Caller,
        query: ResourceOfferQuery,
    ) -> ApiResult<Vec<ResourceOfferContainer>> {
        self.desk.ask(move |market| Ok(market.resource_offers(&query))).await
    }

    async fn post_resource_offer(
        &self,
        _caller: Caller,
        offer: ResourceOffer,
    ) -> ApiResult<Option<ResourceOfferContainer>> {
        if !self.can_pay(&offer).await? {
            return Ok(None);
        }
        self.desk
            .step(move |market, now| {
                let (container, mut change) = market.post_resource_offer(offer);
                change.append(market.solve(now));
                let event = crate::types::EventType::ResourceOfferAdded;
                change.events.push(SolverEvent::resource_offer(event, container.clone()));
                Ok((Some(container), change))
            })
            .await
    }

    async fn deals(&self, _caller: Caller, query: DealQuery) -> ApiResult<Vec<DealContainer>> {
        self.desk.ask(move |market| Ok(market.deals(&query))).await
    }

    async fn deal(&self, id: DealId) -> ApiResult<Option<DealContainer>> {
        self.desk.ask(move |market| Ok(market.deal(&id).ok().cloned())).await
    }

    async fn result(&self, id: DealId) -> ApiResult<Option<JobResult>> {
        self.desk.ask(move |market| Ok(market.result(&id).cloned())).await
    }

    async fn post_result(&self, id: DealId, result: JobResult) -> ApiResult<JobResult> {
        self.desk.step(move |market, _| market.post_result(&id, result)).await
    }

    async fn post_provider_transactions(
        &self,
        id: DealId,
        transactions: ResourceProviderTransactions,
    ) -> ApiResult<DealContainer> {
        self.nudge.notify_one();
        self.desk.step(move |market, _| market.provider_transactions(&id, &transactions)).await
    }

    async fn post_creator_transactions(
        &self,
        id: DealId,
        transactions: JobCreatorTransactions,
    ) -> ApiResult<DealContainer> {
        self.nudge.notify_one();
        self.desk.step(move |market, _| market.creator_transactions(&id, &transactions)).await
    }

    async fn post_mediator_transactions(
        &self,
        id: DealId,
        transactions: MediatorTransactions,
    ) -> ApiResult<DealContainer> {
        self.nudge.notify_one();
        self.desk.step(move |market, _| market.mediator_transactions(&id, &transactions)).await
    }

    async fn begin_upload(&self, id: DealId) -> ApiResult<PathBuf> {
        let path = self.result_path(&id)?;
        self.desk.ask(move |market| market.check_upload(&id).map(|()| path)).await
    }

    async fn finish_upload(&self, id: DealId) -> ApiResult<()> {
        self.desk.step(move |market, now| market.uploaded(&id, now).map(|change| ((), change))).await
    }

    async fn result_file(&self, id: DealId, _reader: Party) -> ApiResult<PathBuf> {
        existing(self.result_path(&id)?).await
    }

    async fn result_sent(&self, id: DealId) -> ApiResult<()> {
        self.desk.step(move |market, now| Ok(((), market.downloaded(&id, now)))).await
    }

    async fn input_file(&self, id: DealId, _reader: Party) -> ApiResult<PathBuf> {
        let offer = self.desk.ask(move |market| market.deal(&id).map(|deal| deal.job_offer.clone())).await?;
        existing(self.inputs_path(&offer)?).await
    }

    async fn provider_connected(&self, address: Address) -> ApiResult<()> {
        tracing::info!(target: "lilypad::node", %address, "provider connected");
        Ok(())
    }

    async fn provider_disconnected(&self, address: Address) -> ApiResult<()> {
        tracing::info!(target: "lilypad::node", %address, "provider gone");
        self.desk.step(move |market, _| Ok(((), market.provider_gone(&address.to_string())))).await
    }
}

impl Office {
    /// Tells the market how the agreement of an offer's deal stands, which the events may not have told yet: an answer to
    /// the wish to cancel must not be wrong about money.
    async fn read_agreement(&self, offer: &JobOfferId) -> ApiResult<()> {
        let on_chain = self.info.settlement == Settlement::OnChain;
        let Some(chain) = self.chain.as_ref().filter(|_| on_chain) else { return Ok(()) };
        let id = offer.clone();
        let deal = self.desk.ask(move |market| Ok(market.job_offer(&id).map(|o| o.deal_id.clone()))).await?;
        let Some(deal) = deal.filter(|deal| !deal.is_empty()) else { return Ok(()) };
        let agreement = chain.agreement(&deal, 0).await.map_err(ApiError::internal)?;
        if agreement.state == AgreementState::DealNegotiating {
            return Ok(());
        }
        self.desk.step(move |market, _| Ok(((), market.chain_state(&deal, agreement.state)))).await
    }

    /// Whether the provider holds what the network asks of one: a little ether, and the price of a job.
    async fn can_pay(&self, offer: &ResourceOffer) -> ApiResult<bool> {
        let Some(chain) = &self.chain else { return Ok(true) };
        let provider: Address =
            offer.resource_provider.parse().map_err(|_| ApiError::from(Refusal::NotResourceProvider))?;
        let (ether, tokens) = tokio::join!(chain.eth_balance(provider), chain.token_balance(provider));
        let balance = |error: crate::chain::ChainError| ApiError::Balance { detail: error.to_string() };
        let price = Amount::from_tokens(offer.default_pricing.instruction_price);
        Ok(ether.map_err(balance)? >= Amount::from_wei(U256::from(PROVIDER_ETHER)) && tokens.map_err(balance)? >= price)
    }
}

async fn existing(path: PathBuf) -> ApiResult<PathBuf> {
    let there = tokio::fs::try_exists(&path).await.map_err(ApiError::internal)?;
    if there { Ok(path) } else { Err(Refusal::NoFiles.into()) }
}

impl Change {
    /// Adds what another step changed.
    pub(super) fn append(&mut self, other: Self) {
        self.writes.extend(other.writes);
        self.events.extend(other.events);
        self.from_chain &= other.from_chain;
    }
}
