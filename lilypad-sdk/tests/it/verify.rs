//! `data_id` against the vectors made with the existing network's own library.

use std::{collections::BTreeMap, io};

use lilypad_sdk::verify::{Entry, NamedEntry, Tree, folder_node, unixfs};
use serde_json::Value;

/// A vector's folder. Content that is given by a rule is made when it is read.
struct VectorTree;

impl Tree for VectorTree {
    type Folder = Value;
    type File = Value;

    fn list(&mut self, folder: &Value) -> io::Result<Vec<NamedEntry<Self>>> {
        let entries = folder.as_object().expect("a folder is an object").iter().map(|(name, value)| {
            let entry = match value.get("dir") {
                Some(folder) => Entry::Folder(folder.clone()),
                None => Entry::File(value.clone()),
            };
            (name.clone().into_bytes(), entry)
        });
        Ok(entries.collect())
    }

    fn open(&mut self, file: &Value) -> io::Result<impl io::Read> {
        Ok(io::Cursor::new(content(file)))
    }
}

fn content(file: &Value) -> Vec<u8> {
    use base64::Engine as _;
    let number = |name: &str| file[name].as_u64().unwrap();
    if let Some(text) = file.as_str() {
        text.as_bytes().to_vec()
    } else if let Some(text) = file["b64"].as_str() {
        base64::engine::general_purpose::STANDARD.decode(text).unwrap()
    } else if let Some(byte) = file["byte"].as_str() {
        vec![byte.as_bytes()[0]; usize::try_from(number("size")).unwrap()]
    } else {
        let (mul, add) = (number("mul"), number("add"));
        (0..number("size")).map(|i| u8::try_from((i * mul + add) % 256).unwrap()).collect()
    }
}

#[test]
fn data_id_equals_the_unixfs_vectors() {
    let text = include_str!("../fixtures/unixfs.json");
    let vectors: Value = serde_json::from_str(text).unwrap();
    let vectors = vectors["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 11);
    for vector in vectors {
        let name = vector["name"].as_str().unwrap();
        let node = folder_node(&mut VectorTree, &vector["tree"], 0).unwrap();
        assert_eq!(node.data_id().to_string(), vector["dir_cid"], "{name}");
        assert_eq!(node.cumulative_bytes, vector["tsize"], "{name}");
        let files: BTreeMap<String, String> = serde_json::from_value(vector["files"].clone()).unwrap();
        for (file, id) in files {
            let node = unixfs::file(&content(&vector["tree"][&file])[..]).unwrap();
            assert_eq!(node.data_id().to_string(), id, "{name}/{file}");
        }
    }
}

#[test]
fn data_id_equals_the_result_folder_vectors() {
    let text = include_str!("../fixtures/result-folders.jsonl");
    let mut count = 0;
    for line in text.lines() {
        let vector: Value = serde_json::from_str(line).unwrap();
        let node = folder_node(&mut VectorTree, &vector["tree"], 0).unwrap();
        assert_eq!(node.data_id().to_string(), vector["cid"], "{}", vector["name"]);
        assert_eq!(node.cumulative_bytes, vector["cumulative_size"], "{}", vector["name"]);
        count += 1;
    }
    assert_eq!(count, 16);
}
