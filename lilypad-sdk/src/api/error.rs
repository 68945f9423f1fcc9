//! What goes wrong at the solver's API: one table of statuses and texts, read by client and server alike.

use super::AuthError;
use crate::types::one_line;

/// Most characters of an answer that are looked at.
const MAX_ANSWER_CHARS: usize = 64 << 10;

/// The result of an API call.
pub type ApiResult<T> = Result<T, ApiError>;

macro_rules! refusals {
    ($( $(#[$meta:meta])* $name:ident = $status:literal, $text:literal; )*) => {
        /// A refusal whose text is fixed. Shape: the status and the text as plain text, never JSON. Source: network.md
        /// §3.5; what the existing network answers with 500 stays 500, because its clients show the text of a 500 only.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Refusal { $( $(#[$meta])* $name, )* }

        impl Refusal {
            const ALL: &[Self] = &[$(Self::$name),*];

            /// Status of the answer.
            pub fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// Text of the answer.
            pub fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

refusals! {
    /// The body is no record.
    BadBody = 400, "Error parsing request body";
    /// No route has this path.
    NoSuchPath = 404, "404 page not found";
    /// Too many open job offers.
    NetworkBusy = 500, "network busy";
    /// Signed by someone else than the record's creator.
    NotJobCreator = 500, "job creator address does not match signer address";
    /// Signed by someone else than the record's provider.
    NotResourceProvider = 500, "resource provider address does not match signer address";
    /// Signed by someone else than the deal's mediator.
    NotMediator = 500, "job creator address does not match mediator address";
    /// The job offer's time is too far from the solver's.
    StaleJobOffer = 500, "job offer rejected because CreatedAt time is not recent, check your computer's time settings and network connection";
    /// The job offer names no solver.
    JobOfferWithoutSolver = 500, "job offer must name it's solver";
    /// The job offer names no mediator.
    JobOfferWithoutMediator = 500, "job offer must have at least one trusted mediator";
    /// The resource offer's time is too far from the solver's.
    StaleResourceOffer = 500, "resource offer rejected because CreatedAt time is not recent, check your computer's time settings and network connection";
    /// The resource offer has no price of its own.
    ResourceOfferAtMarketPrice = 500, "resource offer mode cannot be market price";
    /// The resource offer names no solver.
    ResourceOfferWithoutSolver = 500, "resource offer must name it's solver";
    /// The resource offer names no mediator.
    ResourceOfferWithoutMediator = 500, "resource offer must have at least one trusted mediator";
    /// The provider is not on the allow list.
    NotOnAllowList = 500, "resource provider not in beta program, request beta program access here: https://forms.gle/XaE3rRuXVLxTnZto7";
    /// No such job offer, or not the caller's.
    JobOfferNotFound = 404, "job offer not found";
    /// No such deal, or not the caller's.
    DealNotFound = 500, "deal not found";
    /// The deal has no result yet.
    ResultNotFound = 500, "result not found";
    /// The result names neither a folder nor an error.
    ResultWithoutDataId = 500, "result must have a data id";
    /// The offer has a deal that both parties agreed to; it cannot be cancelled any more.
    OfferAgreed = 409, "job offer has an agreed deal and cannot be cancelled";
    /// A file route without a valid signature.
    FileUnauthorized = 500, "unauthorized";
    /// A file route without a valid signature.
    FileNotAuthorized = 500, "not authorized";
    /// Someone else than the provider asks for the inputs.
    InputsOfOthers = 500, "not authorized: only the resource provider running this job can download input files";
    /// Someone else than the creator asks for the result.
    FilesOfOthers = 500, "not authorized: job creator address does not match signer address";
    /// There is no archive.
    NoFiles = 500, "no regular files found in directory";
    /// The form of an offer with files cannot be read.
    BadForm = 400, "Error parsing form data";
    /// The form has no job offer.
    FormWithoutOffer = 400, "Missing job_offer.json part";
    /// The form's job offer is no record.
    FormWithBadOffer = 400, "Invalid job offer JSON";
    /// The form has no inputs.
    FormWithoutInputs = 400, "Missing inputs.tar part";
    /// A page or another machine's name asks a solver that serves this machine only.
    NotLoopback = 403, "this solver answers programs on its own machine only";
    /// A web page of another host opens the socket.
    OtherOrigin = 403, "origin not allowed";
    /// Too many requests.
    RateLimited = 429, "Too Many Requests";
    /// The solver is stopping.
    ShuttingDown = 503, "solver is shutting down";
}

impl Refusal {
    fn from_text(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|refusal| refusal.text() == text)
    }

    /// The status and text on the form route, whose table differs (network.md §3.5).
    fn in_form(self) -> (u16, String) {
        match self {
            Self::NetworkBusy => (503, self.text().to_owned()),
            Self::NotJobCreator => (401, "Job creator address does not match signer address".to_owned()),
            Self::StaleJobOffer => (400, self.text().replacen("job", "Job", 1)),
            Self::JobOfferWithoutSolver | Self::JobOfferWithoutMediator => {
                (400, format!("Invalid job offer: {}", self.text()))
            }
            other => (other.status(), other.text().to_owned()),
        }
    }
}

/// Why the solver refused a request. [`ApiError::status`] and the displayed text are the answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApiError {
    /// A refusal with a fixed text.
    #[error("{}", .0.text())]
    Refused(Refusal),
    /// The signature, or the lack of one.
    #[error("{0}")]
    Auth(#[from] AuthError),
    /// The client is too old.
    #[error(
        "Please update to minimum supported version {minimum} or newer: https://github.com/Lilypad-Tech/lilypad/releases"
    )]
    Version {
        /// The oldest version taken.
        minimum: String,
    },
    /// The job ran out of time before the result came.
    #[error("job with deal ID {deal} timed out with a {state} state")]
    TimedOut {
        /// The deal.
        deal: String,
        /// Its state's wire name.
        state: String,
    },
    /// A filter's value is no truth value.
    #[error("invalid cancelled filter value: {value}")]
    InvalidCancelled {
        /// What was found.
        value: String,
    },
    /// A state's name is not known.
    #[error("no AgreementState of type {name}")]
    UnknownState {
        /// What was found.
        name: String,
    },
    /// The balance of a provider cannot be read.
    #[error("failed to retrieve ETH balance for resource provider: {detail}")]
    Balance {
        /// Why.
        detail: String,
    },
    /// The body is larger than the route takes.
    #[error("request body is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The record is not in a state that allows this.
    #[error("{what}")]
    Conflict {
        /// What stands against it.
        what: String,
    },
    /// The solver could not do it, through no fault of the caller.
    #[error("{what}")]
    Internal {
        /// What failed.
        what: String,
    },
    /// An answer that only the other side can explain.
    #[error("{text}")]
    Other {
        /// Status of the answer.
        status: u16,
        /// Its text.
        text: String,
    },
}

impl ApiError {
    /// Something failed inside the solver.
    pub fn internal(what: impl std::fmt::Display) -> Self {
        Self::Internal { what: what.to_string() }
    }

    /// The record's state does not allow what was asked.
    pub fn conflict(what: impl std::fmt::Display) -> Self {
        Self::Conflict { what: what.to_string() }
    }

    /// HTTP status of the answer.
    pub fn status(&self) -> u16 {
        match self {
            Self::Refused(refusal) => refusal.status(),
            Self::Auth(error) => error.status(),
            Self::Version { .. }
            | Self::TimedOut { .. }
            | Self::InvalidCancelled { .. }
            | Self::UnknownState { .. }
            | Self::Balance { .. }
            | Self::Internal { .. } => 500,
            Self::TooLarge { .. } => 413,
            Self::Conflict { .. } => 409,
            Self::Other { status, .. } => *status,
        }
    }

    /// Status and text on the route that takes a form, where the existing solver's table differs.
    pub fn in_form(&self) -> (u16, String) {
        match self {
            Self::Refused(refusal) => refusal.in_form(),
            Self::Auth(error) if error.is_legacy() => (401, "Unauthorized".to_owned()),
            Self::Version { .. } => (403, self.to_string()),
            other => (other.status(), other.to_string()),
        }
    }

    /// What an answer means: the variant whose text it carries, else [`ApiError::Other`].
    pub fn from_answer(status: u16, body: &str) -> Self {
        let text = &*one_line(body.strip_suffix('\n').unwrap_or(body), MAX_ANSWER_CHARS);
        let between = |start: &str, end: &str| text.strip_prefix(start)?.strip_suffix(end).map(str::to_owned);
        if let Some(refusal) = Refusal::from_text(text) {
            return Self::Refused(refusal);
        }
        if let Some(error) = AuthError::from_text(text) {
            return Self::Auth(error);
        }
        if let Some((deal, state)) = between("job with deal ID ", " state")
            .and_then(|rest| rest.split_once(" timed out with a ").map(|(a, b)| (a.to_owned(), b.to_owned())))
        {
            return Self::TimedOut { deal, state };
        }
        if let Some(minimum) = between(
            "Please update to minimum supported version ",
            " or newer: https://github.com/Lilypad-Tech/lilypad/releases",
        ) {
            return Self::Version { minimum };
        }
        if let Some(name) = between("no AgreementState of type ", "") {
            return Self::UnknownState { name };
        }
        if let Some(limit) = between("request body is larger than ", " bytes").and_then(|limit| limit.parse().ok()) {
            return Self::TooLarge { limit };
        }
        let form = Refusal::ALL.iter().copied().find(|refusal| refusal.in_form() == (status, text.to_owned()));
        match (form, status) {
            (Some(refusal), _) => Self::Refused(refusal),
            (None, 409) => Self::Conflict { what: text.to_owned() },
            (None, _) => Self::Other { status, text: text.chars().take(500).collect() },
        }
    }

    /// Whether the same request may succeed later, unchanged.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Refused(refusal) => {
                matches!(refusal, Refusal::NetworkBusy | Refusal::RateLimited | Refusal::ShuttingDown)
            }
            Self::Auth(error) => error.is_retryable(),
            Self::Other { status, .. } => *status == 429 || (*status >= 500 && *status != 501),
            Self::Internal { .. } | Self::Balance { .. } => true,
            _ => false,
        }
    }

    /// Whether the caller has to change something.
    pub fn is_caller_fault(&self) -> bool {
        !self.is_retryable()
    }

    /// What the person can do about it, where something is known.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Refused(Refusal::NetworkBusy) => Some("the solver takes no more jobs for now; try again in a minute"),
            Self::Refused(Refusal::StaleJobOffer | Refusal::StaleResourceOffer)
            | Self::Auth(AuthError::Stale { .. }) => Some("set this machine's clock, for example with NTP"),
            Self::Refused(Refusal::NotLoopback) => Some("use the address 127.0.0.1 of the machine it runs on"),
            Self::Version { .. } => Some("install a newer version of lilypad"),
            Self::TooLarge { .. } => Some("send fewer or smaller files"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_is_read_back_from_its_answer() {
        for refusal in Refusal::ALL {
            let answer = format!("{}\n", refusal.text());
            assert_eq!(ApiError::from_answer(refusal.status(), &answer), ApiError::Refused(*refusal));
            let (status, text) = refusal.in_form();
            assert_eq!(ApiError::from_answer(status, &text), ApiError::Refused(*refusal));
        }
        let errors = [
            ApiError::Version { minimum: "v2".into() },
            ApiError::TimedOut { deal: "Qm".into(), state: "JobTimedOut".into() },
            ApiError::UnknownState { name: "x".into() },
            ApiError::TooLarge { limit: 7 },
            ApiError::conflict("no"),
            ApiError::Auth(AuthError::Replayed),
        ];
        for error in errors {
            assert_eq!(ApiError::from_answer(error.status(), &error.to_string()), error);
        }
    }

    #[test]
    fn the_form_route_has_its_own_statuses() {
        let form = |refusal: Refusal| ApiError::from(refusal).in_form();
        assert_eq!(form(Refusal::NetworkBusy), (503, "network busy".into()));
        assert_eq!(form(Refusal::JobOfferWithoutSolver).1, "Invalid job offer: job offer must name it's solver");
        assert!(
            form(Refusal::StaleJobOffer).1.starts_with("Job offer rejected because CreatedAt time is not recent, ")
        );
        assert_eq!(ApiError::Auth(AuthError::MissingUser).in_form(), (401, "Unauthorized".into()));
    }

    #[test]
    fn a_solvers_words_do_not_reach_the_terminal_as_they_are() {
        let error = ApiError::from_answer(500, "\x1b[2Jno\x07\n");
        assert!(!error.to_string().chars().any(char::is_control), "{error:?}");
    }

    #[test]
    fn known_refusals_are_not_repeated() {
        assert!(!ApiError::from_answer(500, "deal not found\n").is_retryable());
        assert!(ApiError::from_answer(500, "store is locked\n").is_retryable());
        assert!(ApiError::from_answer(429, "Too Many Requests\n").is_retryable());
        assert!(!ApiError::from_answer(501, "no\n").is_retryable());
    }
}
