//! The closed sets of words in a record: their numbers in bytes, their names in documents.

/// Declares a closed set: a number that is stored for ever, a word for documents (None: nothing to say).
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$what:meta])* $variant:ident = $number:literal $word:expr),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[$what])* $variant = $number),+ }

        impl $name {
            /// The word for documents; None where there is nothing to say.
            pub const fn word(self) -> Option<&'static str> {
                match self { $(Self::$variant => $word),+ }
            }

            /// The variant with this stored number.
            pub const fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

words! {
    /// What a record stands for.
    Kind {
        /// One request.
        #[default]
        Request = 0 Some("request"),
        /// A connection that ended before a request could be told apart (TLS, silence, HTTP/2 errors).
        Connection = 1 Some("connection"),
        /// The requests of one second that were refused for want of room.
        RefusedAggregate = 2 Some("refused_aggregate"),
        /// The requests of one second that were served while no record could be written.
        UnrecordedAggregate = 3 Some("unrecorded_aggregate"),
    }
}

words! {
    /// What became of the answer.
    Delivery {
        /// Nothing was sent.
        #[default]
        None = 0 Some("none"),
        /// All of it was given to the transport and flushed.
        Complete = 1 Some("complete"),
        /// Part of it was sent.
        Aborted = 2 Some("aborted"),
        /// The node died before it could note what became of it.
        Unknown = 3 Some("unknown"),
    }
}

words! {
    /// Which of a key's secrets was presented.
    SecretSlot {
        /// No secret was proven.
        #[default]
        None = 0 None,
        /// The one to use.
        Current = 1 Some("current"),
        /// The one that ends.
        Retiring = 2 Some("retiring"),
    }
}

words! {
    /// The application's environment.
    Environment {
        /// Not known.
        #[default]
        None = 0 None,
        /// Not billed.
        Test = 1 Some("test"),
        /// The real thing.
        Live = 2 Some("live"),
    }
}

words! {
    /// HTTP methods (RFC 9110, section 9; PATCH: RFC 5789).
    Method {
        /// Not known.
        #[default]
        None = 0 None,
        /// GET
        Get = 1 Some("GET"),
        /// HEAD
        Head = 2 Some("HEAD"),
        /// POST
        Post = 3 Some("POST"),
        /// PUT
        Put = 4 Some("PUT"),
        /// DELETE
        Delete = 5 Some("DELETE"),
        /// CONNECT
        Connect = 6 Some("CONNECT"),
        /// OPTIONS
        Options = 7 Some("OPTIONS"),
        /// TRACE
        Trace = 8 Some("TRACE"),
        /// PATCH
        Patch = 9 Some("PATCH"),
        /// One that HTTP does not define; its name is the client's to choose and is not kept.
        Other = 10 Some("other"),
    }
}

impl Method {
    /// The method of a request line (case matters).
    pub fn of(name: &str) -> Self {
        match name {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "DELETE" => Self::Delete,
            "CONNECT" => Self::Connect,
            "OPTIONS" => Self::Options,
            "TRACE" => Self::Trace,
            "PATCH" => Self::Patch,
            _ => Self::Other,
        }
    }

    /// Whether doing it twice is doing it once (RFC 9110, section 9.2.2).
    pub const fn is_idempotent(self) -> bool {
        matches!(self, Self::Get | Self::Head | Self::Put | Self::Delete | Self::Options | Self::Trace)
    }
}

words! {
    /// Why a record is billed or not.
    BillableReason {
        /// Not decided: the node died while the call was open.
        #[default]
        Undecided = 0 Some("undecided"),
        /// Billed: the call was served, whatever status the backend gave.
        Served = 1 Some("served"),
        /// Billed: the backend did the work, the partner did not take the answer.
        PartnerLeft = 2 Some("partner_left"),
        /// Refused before the backend worked.
        Refused = 3 Some("refused"),
        /// The gateway or what it runs on failed.
        GatewayFault = 4 Some("gateway_fault"),
        /// The backend, or the way to it, failed.
        BackendFault = 5 Some("backend_fault"),
        /// Test traffic.
        TestEnvironment = 6 Some("test_environment"),
        /// Answered by the gateway itself: no operation of an API.
        NoOperation = 7 Some("no_operation"),
        /// No request: a connection, or an aggregate.
        NotARequest = 8 Some("not_a_request"),
    }
}

words! {
    /// The phases whose beginning is noted.
    Phase {
        /// The head was complete and accepted.
        #[default]
        Framing = 0 Some("framing_us"),
        /// Route.
        Route = 1 Some("route_us"),
        /// Authenticate.
        Authenticate = 2 Some("authenticate_us"),
        /// Authorize.
        Authorize = 3 Some("authorize_us"),
        /// Limit.
        Limit = 4 Some("limit_us"),
        /// Transform the request.
        TransformRequest = 5 Some("transform_request_us"),
        /// Attach the backend's credential.
        Credential = 6 Some("credential_us"),
        /// A connection to the backend was asked for.
        ForwardConnect = 7 Some("forward_connect_us"),
        /// The backend's first byte.
        ForwardFirstByte = 8 Some("forward_first_byte_us"),
        /// The first byte to the client.
        Respond = 9 Some("respond_us"),
    }
}

impl Phase {
    /// How many there are.
    pub const COUNT: usize = 10;

    /// All of them, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT as u8).filter_map(Self::from_number)
    }
}
