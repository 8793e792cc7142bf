/// A request as a scenario writes it.
package struct Message: Sendable, Hashable {
    package let method: String
    package let target: Template
    package let bearer: Template?
    package let headers: [Header]
    package let body: Body

    package struct Header: Sendable, Hashable {
        package let name: String
        package let value: Value

        package enum Value: Sendable, Hashable {
            case text(Template)
            /// A date so many seconds from now (RFC 9110 §5.6.7).
            case secondsFromNow(Int64)
            /// A digest of the body, in the form that the header has. The name of `BodyDigest.Algorithm`.
            case digest(String)
            /// No line, where there would be one otherwise.
            case absent

            var templates: [Template] {
                if case .text(let template) = self { [template] } else { [] }
            }
        }
    }

    package enum Body: Sendable, Hashable {
        case none
        case text(Template)
        case bytes([UInt8])
        case json(JSONTemplate)

        var templates: [Template] {
            switch self {
            case .none, .bytes: []
            case .text(let template): [template]
            case .json(let json): json.templates
            }
        }
    }

    package var templates: [Template] {
        [target] + (bearer.map { [$0] } ?? []) + headers.flatMap(\.value.templates) + body.templates
    }
}

/// `send`: one request, one answer.
package struct SendStep: Sendable {
    package let message: Message
    package let expectation: Expectation
}

/// `parallel`: the same request several times at the same moment; what counts is how many got which answer.
package struct ParallelStep: Sendable {
    /// Two or more.
    package let times: Int
    package let request: Request
    package let counts: [Count]
    package let position: SourcePosition

    package enum Request: Sendable {
        case message(Message)
        /// As `replay`.
        case kept(KeptMessage)
    }

    /// `409: 15`, or with the error code `409 alias_taken: 15`.
    package struct Count: Sendable, Hashable {
        /// `200 none: 1` counts answers without an error code, where pages with one have the same status.
        static let noCode = "none"

        package let status: Int
        package let code: String?
        package let expected: Int
    }
}

/// `forge`: a token that differs from a real one in the named claims and headers only.
package struct ForgeStep: Sendable {
    package let token: Template
    package let claims: [MemberChange]
    package let header: [MemberChange]
    /// The key for `this-key`, and only there.
    package let key: Template?
    package let signature: Signature
    package let position: SourcePosition

    package enum Signature: String, Sendable, CaseIterable {
        /// Signs with the server's own key, which the caller gives as the variable `signing_key`, a private JWK.
        case targetKey = "target-key"
        /// Signs with a fresh key for the same algorithm.
        case anotherKey = "another-key"
        /// Signs with the key that the step names, a private JWK such as `make-key` makes.
        case thisKey = "this-key"
        /// Keeps the old signature.
        case nothing
        /// `alg: none` and an empty signature.
        case none
    }

    var templates: [Template] {
        [token] + (key.map { [$0] } ?? []) + (claims + header).flatMap(\.templates)
    }
}

/// What becomes of one member of a token, or of one parameter of a signature.
package struct MemberChange: Sendable, Hashable {
    package let name: String
    package let value: Value

    package enum Value: Sendable, Hashable {
        case remove
        /// Unix seconds relative to the runner's clock.
        case secondsFromNow(Int64)
        case json(JSONTemplate)
    }

    var templates: [Template] {
        if case .json(let json) = value { json.templates } else { [] }
    }
}

/// `make-key`: a fresh private key, for what must not stand in a file that anybody can read.
package struct MakeKeyStep: Sendable {
    /// `oct`, `ed25519`, … as `gatehouse sec-gen-key` calls them.
    package let type: String
}

/// `raw`: bytes on a plain TCP connection, for what no HTTP library would send.
package struct RawStep: Sendable {
    package let bytes: Bytes
    /// Pause between two bytes; zero sends them at once.
    package let byteInterval: Duration
    /// How long to wait for the answer after the connection was made.
    package let timeout: Duration
    package let expectation: Expectation
    /// The time from connecting within which the server must have closed the connection.
    package let closesWithin: Duration?
    package let position: SourcePosition

    package enum Bytes: Sendable, Hashable {
        case text(Template)
        case bytes([UInt8])
    }
}

/// `wait`: lets time pass on the server.
package struct WaitStep: Sendable {
    package let duration: Duration
}
