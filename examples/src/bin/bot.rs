//! A bot that answers requests by running a module: one line in, one cow out, several at a time.
//!
//! `printf 'moo\nhello\n' | cargo run -p lilypad-examples --bin bot`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use lilypad_sdk::Lilypad;
use tokio::{
    io::{AsyncBufReadExt, BufReader, stdin},
    task::JoinSet,
};

/// Requests that run at the same time; more wait.
const AT_ONCE: usize = 4;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let lilypad = Lilypad::local().await?;
    let mut requests = BufReader::new(stdin()).lines();
    let mut running = JoinSet::new();
    while let Some(request) = requests.next_line().await? {
        if running.len() >= AT_ONCE
            && let Some(answer) = running.join_next().await
        {
            print_answer(answer?);
        }
        running.spawn(answer(lilypad.clone(), request));
    }
    while let Some(answer) = running.join_next().await {
        print_answer(answer?);
    }
    Ok(())
}

/// Runs the module on one request; a failed job is an answer too.
async fn answer(lilypad: Lilypad, request: String) -> (String, Result<String, lilypad_sdk::Error>) {
    let ran = async {
        let mut job = lilypad.job("cowsay:v0.0.4").input("Message", request.as_str()).submit().await?;
        Ok(job.output().await?.stdout())
    };
    let answer = ran.await;
    (request, answer)
}

fn print_answer((request, answer): (String, Result<String, lilypad_sdk::Error>)) {
    match answer {
        Ok(text) => println!("{request}:\n{text}"),
        Err(error) => println!("{request}: {error} ({})", error.hints().join("; ")),
    }
}
