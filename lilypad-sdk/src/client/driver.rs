//! The one interpreter of effects: drives a journaled role machine until it has finished.
//!
//! ```text
//! signals (socket, timers) ─┐                       ┌─► perform(effect) ─► events ─┐
//!                           ├─► apply, journal ─────┤                              │
//! events of effects ────────┘        ▲              └─► observe ─► events ─────────┤
//!                                    └─────────────────────────────────────────────┘
//! ```
//!
//! An effect is performed only after its cause is in the journal (where the machine asks for that), is performed at least
//! once, and again after a crash unless it had been completed. What a party believes comes from `observe`, which reads the
//! chain; a signal from the solver is a hint to look sooner, a slow poll makes up for lost hints.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{sync::mpsc, task::JoinSet, time::Instant};

use crate::{
    deal::Machine,
    store::{JournalError, Journaled},
    types::Timestamp,
};

/// How often a machine looks by itself when nobody tells it to.
const POLL: Duration = Duration::from_secs(2);

/// The present moment. The only clock of role services.
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// What reaches a driver from outside.
#[derive(Debug)]
pub(crate) enum Signal<E> {
    /// Something happened.
    Event(E),
    /// Something may have happened: look.
    Look,
}

/// How one role carries out its machine's effects.
pub(crate) trait Role: Send + Sync + 'static {
    /// The machine.
    type Machine: Machine + Clone + Sync + 'static;

    /// Performs an effect and says what came of it. Retries what may succeed later.
    fn perform(
        &self,
        effect: <Self::Machine as Machine>::Effect,
    ) -> impl Future<Output = Vec<<Self::Machine as Machine>::Event>> + Send;

    /// Looks at the chain and the solver and says what is new to `machine`.
    fn observe(&self, machine: Self::Machine) -> impl Future<Output = Vec<<Self::Machine as Machine>::Event>> + Send;

    /// Is told of each event once the machine has taken it in.
    fn applied(&self, event: &<Self::Machine as Machine>::Event, machine: &Self::Machine);

    /// Whether an effect that a crash left undone is still to be performed.
    fn is_wanted(machine: &Self::Machine, effect: &<Self::Machine as Machine>::Effect) -> bool {
        let _ = (machine, effect);
        true
    }

    /// Whether the machine has finished.
    fn is_finished(machine: &Self::Machine) -> bool;
}

type Done<M> = (Option<String>, Vec<<M as Machine>::Event>);

/// Drives `journal` until its machine has finished and every effect is performed.
///
/// Cancel safe: dropping the future stops the effects under way; the journal knows which were not completed.
///
/// # Errors
/// [`JournalError`] when the store refuses a step; nothing was performed that is not in the journal.
pub(crate) async fn drive<R: Role>(
    role: Arc<R>,
    mut journal: Journaled<R::Machine>,
    pending: Vec<<R::Machine as Machine>::Effect>,
    first: Vec<<R::Machine as Machine>::Event>,
    mut inbox: mpsc::Receiver<Signal<<R::Machine as Machine>::Event>>,
) -> Result<R::Machine, JournalError> {
    let mut tasks: JoinSet<Done<R::Machine>> = JoinSet::new();
    let spawn_effect = |tasks: &mut JoinSet<Done<R::Machine>>, effect: <R::Machine as Machine>::Effect| {
        let role = Arc::clone(&role);
        let key = R::Machine::effect_key(&effect);
        tasks.spawn(async move { (Some(key), role.perform(effect).await) });
    };
    for effect in pending {
        if !R::is_wanted(journal.machine(), &effect) {
            journal.complete(&R::Machine::effect_key(&effect));
            continue;
        }
        spawn_effect(&mut tasks, effect);
    }
    let mut events = first;
    let mut look = true;
    let mut looking = false;
    let mut deaf = false;
    let mut next_look = Instant::now() + POLL;
    loop {
        for event in std::mem::take(&mut events) {
            let effects = journal.apply(event.clone(), now()).await?;
            role.applied(&event, journal.machine());
            for effect in effects {
                spawn_effect(&mut tasks, effect);
            }
        }
        if R::is_finished(journal.machine()) && (tasks.is_empty() || (looking && tasks.len() == 1)) {
            if !journal.is_closed() {
                journal.close().await?;
            }
            return Ok(journal.into_machine());
        }
        if look && !looking && !R::is_finished(journal.machine()) {
            (look, looking, next_look) = (false, true, Instant::now() + POLL);
            let (role, machine) = (Arc::clone(&role), journal.machine().clone());
            tasks.spawn(async move { (None, role.observe(machine).await) });
        }
        tokio::select! {
            signal = inbox.recv(), if !deaf => match signal {
                Some(Signal::Event(event)) => events.push(event),
                Some(Signal::Look) => look = true,
                // Nobody is left to tell us anything; the poll goes on.
                None => deaf = true,
            },
            Some(done) = tasks.join_next() => match done {
                Ok((Some(key), found)) => { journal.complete(&key); look |= found.is_empty(); events = found; }
                Ok((None, found)) => { looking = false; events = found; }
                Err(failed) if failed.is_panic() => std::panic::resume_unwind(failed.into_panic()),
                Err(_cancelled) => {}
            },
            // While a look is under way, or only effects are waited for, the next one must not be due at once again.
            () = tokio::time::sleep_until(next_look) => (look, next_look) = (true, Instant::now() + POLL),
        }
    }
}
