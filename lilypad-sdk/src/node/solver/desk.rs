//! The one task that owns the market.

use std::sync::Arc;

use tokio::sync::{broadcast, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::market::{Change, Market};
use crate::{
    api::{ApiError, ApiResult},
    client::driver::now,
    node::NodeError,
    store::{Batch, DynStore, Store as _, StoreError},
    types::{SolverEvent, Timestamp},
};

/// Most steps that share one commit.
const ROUND: usize = 256;
/// Steps that may wait for the desk before callers wait for room.
const QUEUE: usize = 1024;

type Reply = Box<dyn FnOnce(Result<(), String>) + Send>;
type Step = Box<dyn FnOnce(&mut Market, Timestamp) -> (Change, Reply) + Send>;

/// Where steps are handed in. Cheap to clone.
#[derive(Clone)]
pub(super) struct Desk {
    steps: mpsc::Sender<Step>,
    events: broadcast::Sender<Arc<SolverEvent>>,
}

impl Desk {
    /// A desk that is not attended yet, and the queue for [`attend`].
    pub(super) fn new() -> (Self, mpsc::Receiver<Step>) {
        let (steps, queue) = mpsc::channel(QUEUE);
        let (events, _) = broadcast::channel(4096);
        (Self { steps, events }, queue)
    }

    /// A new receiver of the solver's events.
    pub(super) fn subscribe(&self) -> broadcast::Receiver<Arc<SolverEvent>> {
        self.events.subscribe()
    }

    /// Lets `step` change the market and waits until the change is on disk.
    ///
    /// Cancel safe in this sense: a step that was handed in is carried out whether or not anybody waits.
    pub(super) async fn step<T, F>(&self, step: F) -> ApiResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Market, Timestamp) -> ApiResult<(T, Change)> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let step: Step = Box::new(move |market, now| match step(market, now) {
            Ok((value, change)) => {
                let reply: Reply = Box::new(move |written: Result<(), String>| {
                    answer.send(written.map(|()| value).map_err(ApiError::internal)).ok();
                });
                (change, reply)
            }
            Err(refused) => {
                answer.send(Err(refused)).ok();
                (Change::default(), Box::new(|_: Result<(), String>| ()))
            }
        });
        let gone = || ApiError::internal("the solver is stopping");
        self.steps.send(step).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }

    /// Asks the market something that changes nothing.
    pub(super) async fn ask<T, F>(&self, question: F) -> ApiResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Market) -> ApiResult<T> + Send + 'static,
    {
        self.step(move |market, _| Ok((question(market)?, Change::default()))).await
    }

    fn tell(&self, events: Vec<SolverEvent>) {
        for event in events {
            // Nobody listens before the first socket opens.
            self.events.send(Arc::new(event)).ok();
        }
    }
}

/// Serves the desk until `stop`. `fresh` rebuilds the market from the store after a write that failed: memory must never
/// be ahead of what is on disk.
pub(super) async fn attend<F, Fut>(
    desk: Desk,
    mut queue: mpsc::Receiver<Step>,
    mut market: Market,
    store: Arc<dyn DynStore>,
    fresh: F,
    stop: CancellationToken,
) -> Result<(), NodeError>
where
    F: Fn() -> Fut + Send,
    Fut: Future<Output = Result<Market, StoreError>> + Send,
{
    loop {
        let first = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            step = queue.recv() => match step { Some(step) => step, None => return Ok(()) },
        };
        let mut round = vec![first];
        while round.len() < ROUND
            && let Ok(step) = queue.try_recv()
        {
            round.push(step);
        }
        let (mut writes, mut events, mut replies) = (Vec::new(), Vec::new(), Vec::new());
        let (now, mut must_wait) = (now(), false);
        for step in round {
            let (change, reply) = step(&mut market, now);
            must_wait |= !change.writes.is_empty() && !change.from_chain;
            writes.extend(change.writes);
            events.extend(change.events);
            replies.push(reply);
        }
        // What the chain said can be told at once: after a crash the cursor reads it again.
        if !must_wait {
            desk.tell(std::mem::take(&mut events));
        }
        let written = if writes.is_empty() { Ok(()) } else { store.commit(Batch::from(writes)).await };
        match written {
            Ok(()) => {
                desk.tell(events);
                replies.into_iter().for_each(|reply| reply(Ok(())));
            }
            Err(error) => {
                tracing::error!(target: "lilypad::node", %error, "the store refused a step; nothing of it counts");
                replies.into_iter().for_each(|reply| reply(Err(format!("the solver can't store this now: {error}"))));
                market = fresh().await?;
            }
        }
    }
}
