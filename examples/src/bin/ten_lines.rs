//! The smallest program; README.md shows it, and a test holds the two together.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use lilypad_sdk::Lilypad;

#[tokio::main]
async fn main() -> Result<(), lilypad_sdk::Error> {
    let lilypad = Lilypad::local().await?;
    let mut job = lilypad.job("cowsay:v0.0.4").input("Message", "moo").submit().await?;
    while let Some(stage) = job.next().await {
        println!("{}", stage?);
    }
    println!("{}", job.output().await?.stdout());
    Ok(())
}
