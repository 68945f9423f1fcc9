//! What a provider reports.

use super::{
    DataId, DealId, ResultId, cid_of_record,
    gojson::{DecodeError, FromGo, Node, from_json},
    record::record,
};

record! {
    /// The members of a result that are hashed: all but `results_id`.
    ResultRecord {
        "id" id: ResultId,
        "deal_id" deal_id: DealId,
        "data_id" data_id: DataId,
        "error" error: String,
        "instruction_count" instruction_count: u64,
    }
}

/// A result as the wire carries it. Source: network.md §1.16.
///
/// Shape: the members below plus an output-only `results_id` that repeats `data_id`; on input a text in a member named
/// exactly `results_id` replaces `data_id`, even when it is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobResult {
    /// Always empty on the wire.
    pub id: ResultId,
    /// The deal it belongs to.
    pub deal_id: DealId,
    /// Id of the result folder; empty when there is none.
    pub data_id: DataId,
    /// Why there is no result folder; empty on success.
    pub error: String,
    /// Units of work: 1 for a priced job, units of 10^6 fuel for a metered one.
    pub instruction_count: u64,
}

#[derive(serde::Serialize)]
struct Wire<'a> {
    id: &'a ResultId,
    deal_id: &'a DealId,
    data_id: &'a DataId,
    error: &'a str,
    instruction_count: u64,
    results_id: &'a DataId,
}

impl JobResult {
    /// The id that goes on chain as `resultsId`: the CID of the record with `id` blank and without `results_id`
    /// (design.md §11, ruling 8).
    pub fn compute_id(&self) -> ResultId {
        let record = ResultRecord {
            id: ResultId::default(),
            deal_id: self.deal_id.clone(),
            data_id: self.data_id.clone(),
            error: self.error.clone(),
            instruction_count: self.instruction_count,
        };
        ResultId::from_wire(cid_of_record(&record))
    }
}

impl serde::Serialize for JobResult {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { id, deal_id, data_id, error, instruction_count } = self;
        Wire { id, deal_id, data_id, error, instruction_count: *instruction_count, results_id: data_id }
            .serialize(serializer)
    }
}

impl FromGo for JobResult {
    fn merge(&mut self, node: &Node) -> Result<(), DecodeError> {
        let mut record = ResultRecord::default();
        record.merge(node)?;
        if let Node::Object(members) = node {
            for (name, node) in members {
                if let (true, Node::Text(text)) = (name == "results_id", node) {
                    record.data_id = DataId::from_wire(text.clone());
                }
            }
        }
        let ResultRecord { id, deal_id, data_id, error, instruction_count } = record;
        *self = Self { id, deal_id, data_id, error, instruction_count };
        Ok(())
    }
}

impl<'de> serde::Deserialize<'de> for JobResult {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <Box<serde_json::value::RawValue> as serde::Deserialize>::deserialize(deserializer)?;
        from_json(raw.get().as_bytes()).map_err(serde::de::Error::custom)
    }
}
