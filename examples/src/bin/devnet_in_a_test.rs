//! A whole network inside a test: `cargo test -p lilypad-examples --bin devnet_in_a_test`.
//!
//! Run as a program it starts the network, runs one job, and says what the provider earned.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use lilypad_sdk::{Lilypad, client::Paths, devnet::Devnet, types::Amount, wallet::Wallet};

/// Runs a job on a network of its own and gives what the provider earned and what the job printed.
async fn run_a_job(message: &str) -> anyhow::Result<(Amount, String)> {
    let folder = tempfile::tempdir()?;
    let paths = Paths { data: folder.path().join("data"), state: folder.path().join("state") };
    let devnet = Devnet::builder().paths(paths.clone()).spawn().await?;
    let provider = devnet.info().providers[0];
    let wallet = Wallet::dev(5).ok_or_else(|| anyhow::anyhow!("there are ten development accounts"))?;
    let lilypad = Lilypad::inside(devnet, paths, wallet).await?;

    let before = lilypad.chain().token_balance(provider).await?;
    let mut job = lilypad.job("cowsay:v0.0.4").input("Message", message).submit().await?;
    let output = job.output().await?;
    let after = lilypad.chain().token_balance(provider).await?;
    let earned = after.checked_sub(before).unwrap_or(Amount::ZERO);
    Ok((earned, output.stdout()))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (earned, printed) = run_a_job("a network in a test").await?;
    println!("{printed}\nthe provider earned {earned} LP");
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    #[tokio::test]
    async fn the_cow_says_it_and_the_provider_is_paid() {
        let (earned, printed) = super::run_a_job("paid").await.unwrap();
        assert!(printed.contains("< paid >"), "{printed}");
        assert_eq!(earned.to_string(), "1");
    }
}
