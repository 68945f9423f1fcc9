//! Query texts of lists and of the socket. Source: network.md §3.5, §4.1.

use std::fmt::Write as _;

use super::{ApiError, Refusal};
use crate::types::{Address, DealContainer, DealState, JobOfferContainer, ResourceOfferContainer};

/// The pairs of a query text, decoded, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads the text after `?`. Empty pairs (as in `?&Type=`) and pairs that are wrongly escaped are skipped, `+` is a
    /// blank.
    pub fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        let decoded = pairs.filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(name)?, decode(value)?))
        });
        Self(decoded.collect())
    }

    /// The first value of a name; empty when there is none.
    pub fn first(&self, name: &str) -> &str {
        self.0.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }

    /// Appends a pair, unless its value is empty.
    pub fn push(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.0.push((name.to_owned(), value.to_owned()));
        }
    }

    /// The text after `?`, with everything but letters, digits and `-_.~` escaped.
    pub fn encode(&self) -> String {
        let mut out = String::new();
        for (name, value) in &self.0 {
            if !out.is_empty() {
                out.push('&');
            }
            encode_into(&mut out, name);
            out.push('=');
            encode_into(&mut out, value);
        }
        out
    }
}

fn decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                out.push(u8::try_from(high * 16 + low).ok()?);
            }
            other => out.push(other),
        }
    }
    Some(String::from_utf8_lossy(&out).into_owned())
}

fn encode_into(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

fn flag(set: bool) -> &'static str {
    if set { "true" } else { "" }
}

/// Which job offers to list. Flags that are not the exact text `true` are off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobOfferQuery {
    /// Offers of this creator, compared exactly; empty for all.
    pub job_creator: String,
    /// Only offers without a deal.
    pub not_matched: bool,
    /// Only offers in states 0, 1, 2.
    pub active: bool,
    /// Only cancelled (`true`) or only other offers (`false`).
    pub cancelled: Option<bool>,
}

impl JobOfferQuery {
    /// Reads a query text.
    ///
    /// # Errors
    /// [`Refusal`] text `invalid cancelled filter value: …`.
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        let query = Query::parse(text);
        let cancelled = match query.first("cancelled") {
            "" => None,
            "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
            "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
            other => return Err(ApiError::InvalidCancelled { value: other.to_owned() }),
        };
        Ok(Self {
            job_creator: query.first("job_creator").to_owned(),
            not_matched: query.first("not_matched") == "true",
            active: query.first("active") == "true",
            cancelled,
        })
    }

    /// The query text; empty when it asks for everything.
    pub fn encode(&self) -> String {
        let mut query = Query::default();
        query.push("job_creator", &self.job_creator);
        query.push("not_matched", flag(self.not_matched));
        query.push("active", flag(self.active));
        query.push("cancelled", self.cancelled.map_or("", |value| if value { "true" } else { "false" }));
        query.encode()
    }

    /// Whether an offer is asked for.
    pub fn matches(&self, offer: &JobOfferContainer) -> bool {
        (self.job_creator.is_empty() || self.job_creator == offer.job_creator)
            && (!self.not_matched || offer.deal_id.is_empty())
            && (!self.active || offer.state.is_active_for_creator())
            && self.cancelled.is_none_or(|wanted| wanted == offer.state.is_cancelled())
    }
}

/// Which resource offers to list. Flags that are not the exact text `true` are off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceOfferQuery {
    /// Offers of this provider, compared exactly; empty for all.
    pub resource_provider: String,
    /// Only offers without a deal.
    pub not_matched: bool,
    /// Only offers in states 0 and 1.
    pub active: bool,
}

impl ResourceOfferQuery {
    /// Reads a query text.
    pub fn parse(text: &str) -> Self {
        let query = Query::parse(text);
        Self {
            resource_provider: query.first("resource_provider").to_owned(),
            not_matched: query.first("not_matched") == "true",
            active: query.first("active") == "true",
        }
    }

    /// The query text; empty when it asks for everything.
    pub fn encode(&self) -> String {
        let mut query = Query::default();
        query.push("resource_provider", &self.resource_provider);
        query.push("active", flag(self.active));
        query.push("not_matched", flag(self.not_matched));
        query.encode()
    }

    /// Whether an offer is asked for.
    pub fn matches(&self, offer: &ResourceOfferContainer) -> bool {
        (self.resource_provider.is_empty() || self.resource_provider == offer.resource_provider)
            && (!self.not_matched || offer.deal_id.is_empty())
            && (!self.active || offer.state.is_active_for_provider())
    }
}

/// Which deals to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DealQuery {
    /// Deals of this creator, compared exactly; empty for all.
    pub job_creator: String,
    /// Deals of this provider, compared exactly; empty for all.
    pub resource_provider: String,
    /// Deals with this drawn mediator, compared exactly; empty for all. Ours: existing solvers ignore it.
    pub mediator: String,
    /// Deals in this state, named on the wire.
    pub state: Option<DealState>,
}

impl DealQuery {
    /// Reads a query text.
    ///
    /// # Errors
    /// `no AgreementState of type …` for a name that is no state.
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        let query = Query::parse(text);
        let state = match query.first("state") {
            "" => None,
            name => Some(name.parse().map_err(|_| ApiError::UnknownState { name: name.to_owned() })?),
        };
        Ok(Self {
            job_creator: query.first("job_creator").to_owned(),
            resource_provider: query.first("resource_provider").to_owned(),
            mediator: query.first("mediator").to_owned(),
            state,
        })
    }

    /// The query text; empty when it asks for everything.
    pub fn encode(&self) -> String {
        let mut query = Query::default();
        query.push("job_creator", &self.job_creator);
        query.push("resource_provider", &self.resource_provider);
        query.push("mediator", &self.mediator);
        query.push("state", self.state.map_or("", DealState::name));
        query.encode()
    }

    /// Whether a deal is asked for.
    pub fn matches(&self, deal: &DealContainer) -> bool {
        (self.job_creator.is_empty() || self.job_creator == deal.job_creator)
            && (self.resource_provider.is_empty() || self.resource_provider == deal.resource_provider)
            && (self.mediator.is_empty() || self.mediator == deal.mediator)
            && self.state.is_none_or(|state| state == deal.state)
    }
}

/// As what a node connects to the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SocketRole {
    /// Its offers live as long as its connection.
    ResourceProvider,
    /// Waits for its jobs.
    JobCreator,
    /// Waits for deals to check.
    Mediator,
}

impl SocketRole {
    /// The wire's text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ResourceProvider => "ResourceProvider",
            Self::JobCreator => "JobCreator",
            Self::Mediator => "Mediator",
        }
    }
}

/// The query of the socket, `?&Type=<role>&ID=<address>`; the leading `&` is the existing clients'.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SocketQuery {
    /// As what the node connects; `None` for a text that is not known.
    pub role: Option<SocketRole>,
    /// Who the node says it is; `None` for a text that is no address.
    pub id: Option<Address>,
}

impl SocketQuery {
    /// Reads a query text; other texts than known ones are no error.
    pub fn parse(text: &str) -> Self {
        let query = Query::parse(text);
        let all = [SocketRole::ResourceProvider, SocketRole::JobCreator, SocketRole::Mediator];
        Self {
            role: all.into_iter().find(|role| role.as_str() == query.first("Type")),
            id: query.first("ID").parse().ok(),
        }
    }

    /// The query text, as existing clients send it.
    pub fn encode(role: SocketRole, id: Address) -> String {
        format!("&Type={}&ID={id}", role.as_str())
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn reads_what_existing_clients_send() {
        let id = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
        let query = SocketQuery::parse(&format!("&Type=ResourceProvider&ID={id}"));
        assert_eq!(query, SocketQuery { role: Some(SocketRole::ResourceProvider), id: id.parse().ok() });
        assert_eq!(SocketQuery::encode(SocketRole::Mediator, id.parse().unwrap()), format!("&Type=Mediator&ID={id}"));
        assert_eq!(SocketQuery::parse("Type=Other&ID=me"), SocketQuery::default());
    }

    #[test]
    fn flags_are_the_exact_text_true() {
        let query = JobOfferQuery::parse("active=TRUE&not_matched=true&cancelled=F&job_creator=a%20b+c").unwrap();
        assert!(!query.active && query.not_matched);
        assert_eq!((query.cancelled, query.job_creator.as_str()), (Some(false), "a b c"));
        assert_eq!(JobOfferQuery::parse(&query.encode()).unwrap(), query);
        let error = JobOfferQuery::parse("cancelled=yes").unwrap_err();
        assert_eq!((error.status(), error.to_string().as_str()), (500, "invalid cancelled filter value: yes"));
    }

    #[test]
    fn deals_are_asked_for_by_the_states_name() {
        let query = DealQuery::parse("state=ResultsSubmitted&job_creator=&x=%zz").unwrap();
        assert_eq!(query, DealQuery { state: Some(DealState::ResultsSubmitted), ..DealQuery::default() });
        assert_eq!(query.encode(), "state=ResultsSubmitted");
        let error = DealQuery::parse("state=2").unwrap_err();
        assert_eq!(error.to_string(), "no AgreementState of type 2");
    }
}
