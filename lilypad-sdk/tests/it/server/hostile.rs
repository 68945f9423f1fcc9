//! A solver that lies to those who trust it.

use std::{sync::Arc, time::Duration};

use lilypad_sdk::{
    api::AuthMode,
    client::{HttpAuth, HttpSolver},
    executor::ExecutorSet,
    module::{FetchPolicy, Fetcher},
    node::{ProviderConfig, Workshop, spawn_provider},
    store::MemoryStore,
    types::{DealId, EventType, SolverEvent},
};

use super::fake::{Fake, domain, machine, provider};

/// The id of a deal becomes the name of a folder that is removed when the deal is over.
#[tokio::test]
async fn a_deal_whose_id_is_a_path_removes_nothing() {
    let (fake, server) = Fake::start(AuthMode::Bound).await;
    let root = tempfile::tempdir().unwrap();
    let victim = root.path().join("victim");
    std::fs::create_dir_all(victim.join("inside")).unwrap();
    std::fs::create_dir_all(root.path().join("data/results")).unwrap();
    let honest = fake.with_deal();
    let lies: Vec<_> = ["../../victim".to_owned(), victim.display().to_string()]
        .into_iter()
        .map(|id| {
            let mut lie = fake.state().deals[0].clone();
            // What the deal says of itself is wrong too, so that it is refused and cleaned up after.
            lie.deal.pricing.instruction_price += 1;
            lie.id = DealId::from_wire(id);
            lie
        })
        .collect();
    fake.state().deals = lies.clone();

    let auth = HttpAuth::Bound { wallet: provider(), domain: domain() };
    let solver = Arc::new(HttpSolver::connect(&server.url(), auth).await.unwrap());
    let fetcher = Arc::new(Fetcher::new(root.path(), FetchPolicy::strangers()));
    let workshop = Workshop::new(fetcher, ExecutorSet::new(), root.path().join("data"));
    let config = ProviderConfig::new(provider().address(), machine().trusted_parties);
    let service = spawn_provider(config, None, solver, Arc::new(MemoryStore::new()), workshop);
    // Once its machine is listed, it has looked at the deals.
    for _ in 0..200 {
        if fake.state().resource_offers.len() > 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(fake.state().resource_offers.len() > 1, "the provider came up");
    for lie in lies {
        fake.emit(SolverEvent::deal(EventType::DealAdded, lie));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(victim.join("inside").is_dir(), "a folder outside of the provider's was removed");
    assert!(root.path().join("data/results").is_dir());
    service.shutdown().await.unwrap();
    assert!(honest.file_name().is_ok());
}
