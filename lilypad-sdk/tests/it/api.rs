//! Signatures and encoders against the vectors made with the existing network's own code.

use std::{fs, path::Path};

use lilypad_sdk::{
    api::{LegacyHeaders, SIGNATURE_HEADER, USER_HEADER, VERSION_HEADER, WIRE_VERSION, encoders},
    types::{Address, B256, U256},
    wallet::Wallet,
};
use serde_json::Value;

fn vectors(group: &str, count: usize) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/signing.json");
    let mut all: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let Value::Array(vectors) = all[group].take() else { panic!("no group {group}") };
    assert_eq!(vectors.len(), count, "{group}");
    vectors
}

fn verify(vector: &Value) -> Result<Address, lilypad_sdk::api::AuthError> {
    let headers = &vector["headers"];
    LegacyHeaders::verify(headers[USER_HEADER].as_str(), headers[SIGNATURE_HEADER].as_str())
}

#[test]
fn legacy_headers_equal_the_networks() {
    let mut signed = 0;
    for vector in vectors("valid", 6) {
        let name = &vector["name"];
        let signer = verify(&vector).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(signer.to_string(), vector["expected_signer"].as_str().unwrap(), "{name}");
        // Of the vectors with a key, one has a payload in a layout that is read, not written.
        let Some(key) = vector["private_key"].as_str().filter(|_| name != "other-json-layout-accepted") else {
            continue;
        };
        let headers = LegacyHeaders::sign(&Wallet::from_private_key(key).unwrap()).unwrap();
        assert_eq!(headers.user, vector["headers"][USER_HEADER], "{name}");
        assert_eq!(headers.signature, vector["headers"][SIGNATURE_HEADER], "{name}");
        assert_eq!(WIRE_VERSION, vector["headers"][VERSION_HEADER], "{name}");
        signed += 1;
    }
    assert_eq!(signed, 4);
}

#[test]
fn rejected_headers_get_the_networks_texts() {
    for vector in vectors("reject", 10) {
        let name = &vector["name"];
        let error = verify(&vector).expect_err(name.as_str().unwrap());
        let start = vector["body_starts_with"].as_str().unwrap();
        assert!(error.to_string().starts_with(start), "{name}: {error}");
        assert_eq!(u64::from(error.status()), vector["status"], "{name}");
    }
}

#[test]
fn the_gateways_headers_are_compared_with_a_list() {
    for vector in vectors("anura", 5) {
        let allowed: Vec<String> = serde_json::from_value(vector["allowed"].clone()).unwrap();
        let header = |name: &str| vector["headers"][name].as_str();
        let signer =
            encoders::verify_anura(header(encoders::ANURA_SERVER_HEADER), header(encoders::ANURA_KEY_HEADER), &allowed);
        assert_eq!(signer.is_ok(), vector["accepted"], "{}", vector["name"]);
    }
}

#[test]
fn validation_tokens_equal_the_networks() {
    for vector in vectors("jwt", 1) {
        let text = |name: &str| vector[name].as_str().unwrap();
        let token = encoders::ValidationToken {
            key_id: text("kid"),
            signer: text("signer").parse().unwrap(),
            issued_at: vector["now_unix"].as_u64().unwrap(),
            lifetime_secs: vector["expiration_seconds"].as_u64().unwrap(),
            id: text("jti"),
        };
        assert_eq!(token.encode(text("secret_utf8")), text("token"));
    }
}

#[test]
fn proof_of_work_hashes_equal_the_networks() {
    for vector in vectors("pow", 3) {
        let text = |name: &str| vector[name].as_str().unwrap();
        let challenge: B256 = text("challenge_hex").parse().unwrap();
        let nonce = U256::from_str_radix(text("nonce_decimal"), 10).unwrap();
        let hash = encoders::proof_of_work_hash(challenge, nonce);
        assert_eq!(hash, text("hash_hex").parse::<B256>().unwrap());
        assert_eq!(U256::from_be_bytes(hash.0).to_string(), text("hash_decimal"));
    }
}
