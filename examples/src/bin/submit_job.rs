//! Submits a job and prints its stages, its output and what was paid for it.
//!
//! `cargo run -p lilypad-examples --bin submit_job -- "hello, lilypad"`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use lilypad_sdk::Lilypad;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let message = std::env::args().nth(1).unwrap_or_else(|| "moo".to_owned());
    let lilypad = Lilypad::local().await?; // or Lilypad::connect(&Network::named("testnet")?, wallet)
    let mut job = lilypad.job("cowsay:v0.0.4").input("Message", message).submit().await?;
    while let Some(stage) = job.next().await {
        println!("{}", stage?);
    }
    let output = job.output().await?;
    println!("{}", output.stdout());
    for payment in &output.settlement().payments {
        println!("{:?} {:?} {} LP to {}", payment.direction, payment.reason, payment.amount_wei, payment.to);
    }
    Ok(())
}
