//! What every store must do. Run [`all`] with a way to make an empty store; it panics at the first wrong answer.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is a test suite that other crates can call")]

use std::sync::Arc;

use crate::{
    deal::Machine,
    store::{DynStore, Expected, Journal, Journaled, Store, StoreError, Write},
    types::{
        Deal, DealContainer, DealId, DealState, JobOffer, JobOfferContainer, JobResult, ResourceOffer,
        ResourceOfferContainer, Timestamp,
    },
};

/// Runs the whole suite; `make` gives a new, empty store at each call.
pub async fn all<S: Store>(make: impl Fn() -> S) {
    records_come_back_as_they_were_put(&make()).await;
    records_move_by_compare_and_set(&make()).await;
    an_offer_is_taken_once(Arc::new(make())).await;
    a_refused_batch_leaves_nothing(&make()).await;
    events_are_appended_in_order(&make()).await;
    effects_stay_until_complete(&make()).await;
    closed_streams_take_nothing(&make()).await;
    streams_are_found_by_prefix(&make()).await;
    values_are_kept_by_namespace(&make()).await;
    one_of_many_writers_wins_each_event(Arc::new(make())).await;
    a_machine_goes_on_where_it_stopped(Arc::new(make())).await;
    steps_wait_for_one_that_must_be_on_disk(Arc::new(make())).await;
    a_machine_and_its_records_move_together(Arc::new(make())).await;
}

/// A job offer made at `ms`; its id depends on that and on `nonce`.
pub fn job_offer(nonce: &str, ms: i64) -> JobOfferContainer {
    JobOfferContainer::new(JobOffer {
        created_at: Timestamp::from_millis(ms),
        nonce: nonce.to_owned(),
        job_creator: "0x90F79bf6EB2c4f870365E785982E1f101E93b906".to_owned(),
        inputs: Some([("Message".to_owned(), "<moo> & \u{2028}".to_owned())].into()),
        ..JobOffer::default()
    })
}

/// A resource offer made at `ms` with index `index`.
pub fn resource_offer(index: i64, ms: i64) -> ResourceOfferContainer {
    ResourceOfferContainer::new(ResourceOffer {
        created_at: Timestamp::from_millis(ms),
        resource_provider: "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65".to_owned(),
        index,
        modules: Some(Vec::new()),
        ..ResourceOffer::default()
    })
}

fn deal(ms: i64) -> DealContainer {
    let (job, resource) = (job_offer("deal", ms).job_offer, resource_offer(0, ms).resource_offer);
    let mut deal = Deal { job_offer: job, resource_offer: resource, ..Deal::default() };
    deal.id = deal.compute_id();
    DealContainer::new(deal, DealState::DealNegotiating, Timestamp::from_millis(ms))
}

fn put_job(container: &JobOfferContainer, expected: Expected) -> Write {
    Write::PutJobOffer { container: Box::new(container.clone()), envelope: None, expected }
}

fn put_resource(container: &ResourceOfferContainer, expected: Expected) -> Write {
    Write::PutResourceOffer { container: Box::new(container.clone()), envelope: Some("{\"a\":1}".to_owned()), expected }
}

fn put_deal(container: &DealContainer, expected: Expected) -> Write {
    Write::PutDeal { container: Box::new(container.clone()), expected }
}

fn append(stream: &str, seq: u64, event: &str) -> Write {
    Write::AppendEvent { stream: stream.to_owned(), seq, event: event.to_owned() }
}

fn add(stream: &str, key: &str, effect: &str) -> Write {
    Write::AddEffect { stream: stream.to_owned(), key: key.to_owned(), effect: effect.to_owned() }
}

fn complete(stream: &str, key: &str) -> Write {
    Write::CompleteEffect { stream: stream.to_owned(), key: key.to_owned() }
}

fn put(ns: &str, key: &str, value: &str) -> Write {
    Write::PutValue { ns: ns.to_owned(), key: key.to_owned(), value: value.to_owned() }
}

async fn commit<S: Store>(store: &S, writes: impl IntoIterator<Item = Write>) -> Result<(), StoreError> {
    store.commit(writes.into_iter().collect()).await
}

#[track_caller]
fn assert_conflict(answer: Result<(), StoreError>, wanted: [&str; 4]) {
    match answer {
        Err(StoreError::Conflict { what, id, expected, found }) => {
            assert_eq!([what, id.as_str(), expected.as_str(), found.as_str()], wanted);
        }
        other => panic!("{wanted:?} was to conflict, and gave {other:?}"),
    }
}

async fn records_come_back_as_they_were_put<S: Store>(store: &S) {
    assert_eq!(store.solver_records().await.unwrap(), Default::default());
    let (young, old) = (job_offer("a", 20), job_offer("b", 10));
    let (first, second) = (resource_offer(1, 5), resource_offer(2, 5));
    let matched = deal(30);
    let result = JobResult { deal_id: matched.id.clone(), error: "exit 7".to_owned(), ..JobResult::default() };
    let writes = [
        put_job(&young, Expected::Absent),
        put_job(&old, Expected::Anything),
        put_resource(&first, Expected::Absent),
        put_resource(&second, Expected::Absent),
        put_deal(&matched, Expected::Absent),
        Write::PutResult { result: result.clone() },
    ];
    commit(store, writes).await.unwrap();

    let records = store.solver_records().await.unwrap();
    let jobs: Vec<_> = records.job_offers.iter().map(|offer| &offer.container).collect();
    assert_eq!(jobs, [&old, &young], "oldest first");
    assert!(records.job_offers.iter().all(|offer| offer.envelope.is_none()));
    let mut wanted = [&first, &second];
    wanted.sort_by(|a, b| a.id.cmp(&b.id));
    let resources: Vec<_> = records.resource_offers.iter().map(|offer| &offer.container).collect();
    assert_eq!(resources, wanted, "equally old offers by id");
    assert!(records.resource_offers.iter().all(|offer| offer.envelope.as_deref() == Some("{\"a\":1}")));
    assert_eq!(records.deals, std::slice::from_ref(&matched));
    assert_eq!(records.results, std::slice::from_ref(&result));

    let better = JobResult { error: String::new(), instruction_count: 3, ..result };
    let remove = || Write::RemoveResourceOffer { id: first.id.clone() };
    commit(store, [remove(), remove(), Write::PutResult { result: better.clone() }]).await.unwrap();
    let records = store.solver_records().await.unwrap();
    assert_eq!(records.resource_offers.len(), 1);
    assert_eq!(records.results, [better]);
}

async fn records_move_by_compare_and_set<S: Store>(store: &S) {
    let mut matched = deal(1);
    let id = matched.id.to_string();
    let agreed = Expected::State(DealState::DealAgreed);
    let answer = commit(store, [put_deal(&matched, agreed.clone())]).await;
    assert_conflict(answer, ["deal", &id, "DealAgreed", "nothing"]);
    commit(store, [put_deal(&matched, Expected::Absent)]).await.unwrap();
    let answer = commit(store, [put_deal(&matched, Expected::Absent)]).await;
    assert_conflict(answer, ["deal", &id, "nothing", "DealNegotiating"]);

    matched.state = DealState::DealAgreed;
    commit(store, [put_deal(&matched, Expected::State(DealState::DealNegotiating))]).await.unwrap();
    matched.state = DealState::ResultsSubmitted;
    // Within one batch the second write sees the first.
    let twice = [put_deal(&matched, agreed.clone()), put_deal(&matched, agreed.clone())];
    assert_conflict(commit(store, twice).await, ["deal", &id, "DealAgreed", "ResultsSubmitted"]);
    assert_eq!(store.solver_records().await.unwrap().deals[0].state, DealState::DealAgreed);
    commit(store, [put_deal(&matched, Expected::Exactly(DealState::DealAgreed, matched.id.clone()))]).await.unwrap();
    assert_eq!(store.solver_records().await.unwrap().deals, [matched]);
}

async fn an_offer_is_taken_once<S: Store>(store: Arc<S>) {
    let open = resource_offer(0, 1);
    commit(&*store, [put_resource(&open, Expected::Absent)]).await.unwrap();
    let take = |deal: i64| {
        let (store, mut taken) = (Arc::clone(&store), open.clone());
        async move {
            // On chain a deal begins in the state that an open offer has: only the deal's id tells the two apart.
            taken.deal_id = DealId::from_wire(format!("deal {deal}"));
            commit(&*store, [put_resource(&taken, Expected::unmatched())]).await
        }
    };
    let tasks: Vec<_> = (0..8).map(|deal| tokio::spawn(take(deal))).collect();
    let mut winners = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(()) => winners += 1,
            Err(StoreError::Conflict { expected, found, .. }) => {
                assert_eq!(expected, "DealNegotiating without a deal");
                assert!(found.starts_with("DealNegotiating with deal deal "), "{found}");
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(winners, 1);
}

async fn a_refused_batch_leaves_nothing<S: Store>(store: &S) {
    let (job, resource) = (job_offer("a", 1), resource_offer(0, 1));
    let setup = [put("n", "k", "before"), append("s", 0, "e0"), add("s", "one", "1"), add("s", "two", "2")];
    commit(store, setup).await.unwrap();
    let values = store.values("n").await.unwrap();
    let journal = store.journal("s").await.unwrap();

    let writes = [
        put_job(&job, Expected::Absent),
        put_resource(&resource, Expected::Absent),
        Write::RemoveResourceOffer { id: resource.id.clone() },
        Write::PutResult { result: JobResult::default() },
        put("n", "k", "after"),
        put("n", "new", "value"),
        Write::DeleteValue { ns: "n".to_owned(), key: "k".to_owned() },
        append("s", 1, "e1"),
        append("s", 2, "e2"),
        add("s", "three", "3"),
        add("s", "one", "again"),
        complete("s", "one"),
        append("new", 0, "n0"),
        add("new too", "k", "e"),
        Write::CloseStream { stream: "s".to_owned() },
        Write::CloseStream { stream: "never written".to_owned() },
        put_job(&job, Expected::State(DealState::DealAgreed)),
    ];
    assert!(commit(store, writes).await.unwrap_err().is_conflict());
    assert_eq!(store.solver_records().await.unwrap(), Default::default());
    assert_eq!(store.values("n").await.unwrap(), values);
    assert_eq!(store.journal("s").await.unwrap(), journal);
    assert_eq!(store.streams("").await.unwrap().len(), 1);
}

async fn events_are_appended_in_order<S: Store>(store: &S) {
    assert_eq!(store.journal("s").await.unwrap(), Journal::default());
    assert_conflict(commit(store, [append("s", 1, "x")]).await, ["stream", "s", "1 event", "0 events"]);
    commit(store, [append("s", 0, "a"), append("s", 1, "b")]).await.unwrap();
    assert_conflict(commit(store, [append("s", 1, "x")]).await, ["stream", "s", "1 event", "2 events"]);
    assert_conflict(
        commit(store, [append("s", u64::MAX, "x")]).await,
        ["stream", "s", &format!("{} events", u64::MAX), "2 events"],
    );
    commit(store, [append("s", 2, "c\u{0}'\u{1F438}")]).await.unwrap();
    assert_eq!(store.journal("s").await.unwrap().events, ["a", "b", "c\u{0}'\u{1F438}"]);
}

async fn effects_stay_until_complete<S: Store>(store: &S) {
    commit(store, [add("s", "b", "1"), add("s", "a", "2"), add("t", "a", "other stream")]).await.unwrap();
    commit(store, [add("s", "b", "not this"), add("s", "c", "3")]).await.unwrap();
    let pending = |keys: &[(&str, &str)]| keys.iter().map(|(k, e)| ((*k).into(), (*e).into())).collect::<Vec<_>>();
    assert_eq!(store.journal("s").await.unwrap().pending, pending(&[("b", "1"), ("a", "2"), ("c", "3")]));
    commit(store, [complete("s", "a"), complete("s", "a"), complete("never", "a")]).await.unwrap();
    assert_eq!(store.journal("s").await.unwrap().pending, pending(&[("b", "1"), ("c", "3")]));
    assert_eq!(store.journal("t").await.unwrap().pending.len(), 1);
}

async fn closed_streams_take_nothing<S: Store>(store: &S) {
    commit(store, [append("s", 0, "a"), add("s", "k", "e")]).await.unwrap();
    let close = || Write::CloseStream { stream: "s".to_owned() };
    commit(store, [close(), close()]).await.unwrap();
    for write in [append("s", 1, "b"), add("s", "l", "f")] {
        assert!(matches!(commit(store, [write]).await, Err(StoreError::Closed { stream }) if stream == "s"));
    }
    let journal = store.journal("s").await.unwrap();
    assert!(journal.closed);
    assert_eq!((journal.events.len(), journal.pending.len()), (1, 1));
    commit(store, [complete("s", "k")]).await.unwrap();
    assert!(store.journal("s").await.unwrap().pending.is_empty());
}

async fn streams_are_found_by_prefix<S: Store>(store: &S) {
    let names = ["job/b", "job/a", "job%", "jobs", "deal/a", "job/é"];
    commit(store, names.map(|name| append(name, 0, "e"))).await.unwrap();
    commit(store, [append("job/a", 1, "e"), Write::CloseStream { stream: "job/a".to_owned() }]).await.unwrap();
    let found = store.streams("job/").await.unwrap();
    let found: Vec<_> = found.iter().map(|stream| (stream.name.as_str(), stream.events, stream.closed)).collect();
    assert_eq!(found, [("job/a", 2, true), ("job/b", 1, false), ("job/é", 1, false)]);
    assert_eq!(store.streams("").await.unwrap().len(), 6);
    assert!(store.streams("zzz").await.unwrap().is_empty());
}

async fn values_are_kept_by_namespace<S: Store>(store: &S) {
    commit(store, [put("a", "2", "x"), put("a", "1", "y"), put("ab", "1", "z"), put("a", "", "w")]).await.unwrap();
    commit(store, [put("a", "2", "changed")]).await.unwrap();
    assert_eq!(store.value("a", "2").await.unwrap().as_deref(), Some("changed"));
    assert_eq!(store.value("b", "2").await.unwrap(), None);
    let values = store.values("a").await.unwrap();
    let values: Vec<_> = values.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(values, [("", "w"), ("1", "y"), ("2", "changed")]);
    let delete = || Write::DeleteValue { ns: "a".to_owned(), key: "1".to_owned() };
    commit(store, [delete(), delete()]).await.unwrap();
    assert_eq!(store.values("a").await.unwrap().len(), 2);
    assert_eq!(store.value("ab", "1").await.unwrap().as_deref(), Some("z"));
}

async fn one_of_many_writers_wins_each_event<S: Store>(store: Arc<S>) {
    let writer = |name: usize| {
        let store = Arc::clone(&store);
        async move {
            let mut won = 0;
            for seq in 0..20 {
                let writes = [append("s", seq, &name.to_string()), put("won", &format!("{seq}"), &name.to_string())];
                match commit(&*store, writes).await {
                    Ok(()) => won += 1,
                    Err(error) => assert!(error.is_conflict(), "{error}"),
                }
            }
            won
        }
    };
    let tasks: Vec<_> = (0..8).map(|name| tokio::spawn(writer(name))).collect();
    let mut won = 0;
    for task in tasks {
        won += task.await.unwrap();
    }
    let events = store.journal("s").await.unwrap().events;
    assert_eq!(events.len(), won, "every acknowledged event is there, and no other");
    for (seq, event) in events.iter().enumerate() {
        assert_eq!(store.value("won", &seq.to_string()).await.unwrap().as_ref(), Some(event));
    }
}

/// Adds numbers up; each sum is to be said, an even one only after it is on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Adder {
    sum: u64,
    last: Timestamp,
}

impl Machine for Adder {
    type Event = u64;
    type Effect = u64;

    fn handle(&mut self, event: &u64, now: Timestamp) -> Vec<u64> {
        self.sum += event;
        self.last = now;
        vec![self.sum]
    }

    fn must_persist(effect: &u64) -> bool {
        effect.is_multiple_of(2)
    }

    fn effect_key(effect: &u64) -> String {
        effect.to_string()
    }
}

async fn a_machine_goes_on_where_it_stopped<S: Store>(store: Arc<S>) {
    let store: Arc<dyn DynStore> = store;
    let at = Timestamp::from_millis;
    let open = || Journaled::open(Arc::clone(&store), "adder", Adder::default());
    let (mut adder, pending) = open().await.unwrap();
    assert!(pending.is_empty());
    assert_eq!(adder.apply(4, at(10)).await.unwrap(), [4]);
    assert_eq!(adder.apply(2, at(11)).await.unwrap(), [6]);
    assert!(adder.apply(0, at(12)).await.unwrap().is_empty(), "a key names one effect for ever");
    adder.complete("4");
    adder.complete("5");

    // What was completed after the last commit is performed again, and what was held is forgotten.
    let (again, pending) = open().await.unwrap();
    assert_eq!(again.machine(), &Adder { sum: 6, last: at(11) });
    assert_eq!(pending, [4, 6]);

    adder.flush().await.unwrap();
    let (mut again, pending) = open().await.unwrap();
    assert_eq!(again.machine(), adder.machine());
    assert_eq!(again.machine(), &Adder { sum: 6, last: at(12) });
    assert_eq!(pending, [6]);
    assert_eq!(again.pending().collect::<Vec<_>>(), ["6"]);
    again.complete("6");
    assert!(again.apply(0, at(13)).await.unwrap().is_empty(), "also when it is complete");
    again.flush().await.unwrap();

    // The other handle is behind now and may not write.
    let error = adder.apply(2, at(14)).await.unwrap_err();
    assert!(error.is_conflict(), "{error}");
    assert_eq!(adder.machine().sum, 6, "a refused step leaves no trace");

    again.close().await.unwrap();
    let (mut closed, pending) = open().await.unwrap();
    assert!(closed.is_closed() && pending.is_empty());
    assert_eq!((closed.machine().sum, closed.events()), (6, 4));
    assert!(closed.apply(1, at(14)).await.unwrap_err().is_conflict());
}

async fn steps_wait_for_one_that_must_be_on_disk<S: Store>(store: Arc<S>) {
    let store: Arc<dyn DynStore> = store;
    let at = Timestamp::from_millis(1);
    let stored = || async { store.dyn_journal("adder").await.unwrap() };
    let (mut adder, _) = Journaled::open(Arc::clone(&store), "adder", Adder::default()).await.unwrap();
    assert_eq!(adder.apply(1, at).await.unwrap(), [1]);
    adder.complete("1");
    assert_eq!(adder.apply(2, at).await.unwrap(), [3]);
    assert!(stored().await.events.is_empty());
    assert_eq!(adder.apply(1, at).await.unwrap(), [4]);
    let journal = stored().await;
    assert_eq!(journal.events.len(), 3);
    let pending: Vec<_> = journal.pending.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(pending, ["3", "4"]);

    adder.apply(1, at).await.unwrap();
    for step in 0..64 {
        assert_eq!(stored().await.events.len(), 3, "step {step}");
        adder.apply(2, at).await.unwrap();
    }
    assert_eq!(stored().await.events.len(), 3 + 1 + 64, "only so many wait");
    let (again, _) = Journaled::open(Arc::clone(&store), "adder", Adder::default()).await.unwrap();
    assert_eq!(again.machine(), adder.machine());
}

async fn a_machine_and_its_records_move_together<S: Store>(store: Arc<S>) {
    let store: Arc<dyn DynStore> = store;
    let at = Timestamp::from_millis(1);
    let (mut adder, _) = Journaled::open(Arc::clone(&store), "adder", Adder::default()).await.unwrap();
    let matched = deal(1);
    let also = |adder: &Adder, effects: &[u64]| {
        assert_eq!((adder.sum, effects), (1, [1].as_slice()));
        vec![put_deal(&matched, Expected::Absent)]
    };
    adder.apply_with(1, at, also).await.unwrap();
    assert_eq!(store.dyn_journal("adder").await.unwrap().events.len(), 1, "a step with records is not held");
    let refused = adder.apply_with(2, at, |_, _| vec![put_deal(&matched, Expected::Absent)]).await.unwrap_err();
    assert!(refused.is_conflict());
    assert_eq!(adder.machine().sum, 1);
    assert_eq!(store.dyn_journal("adder").await.unwrap().events.len(), 1);
    assert_eq!(adder.apply(3, at).await.unwrap(), [4], "the next step is not disturbed");
    assert_eq!(store.dyn_journal("adder").await.unwrap().events.len(), 2);
    assert_eq!(store.dyn_solver_records().await.unwrap().deals.len(), 1);
}
