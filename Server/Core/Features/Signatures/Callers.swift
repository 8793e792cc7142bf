import GatehouseMessages
import HTTPSignatures
import HTTPTypes

/// Who made a call, by a token or by a signature. Handlers that take one cannot run for strangers.
package struct SignedIn: Sendable {
    /// With the roles that count for this call: a key may have fewer than its account.
    package let account: Account
    package let credential: Credential

    package enum Credential: Sendable {
        /// A token, by its session's identifier (`sid`).
        case session(String)
        /// A signature, by its key's.
        case key(String)
    }

    /// The session's identifier; nil for a signature.
    package var session: String? {
        if case .session(let id) = credential { id } else { nil }
    }
}

/// An administrator.
struct Admin: Sendable {
    let account: Account
}

/// Somebody who works on the study: staff or an administrator.
struct Staff: Sendable {
    let account: Account
}

/// Finds out who makes a call, and whether the credential lets them make it.
package struct Callers: Sendable {
    let tokens: AccessTokens
    let signatures: Signatures
    let policy: SignaturePolicy

    static let bearer = ["bearer"]
    /// As clients of the C3-PRO IDM send it.
    static let bearerOrJWT = ["bearer", "jwt"]

    /// - Parameters:
    ///   - scope: what a key must have been given besides a role of its account that allows the method; nil for nothing.
    ///   - schemes: the words before a token.
    ///   - onlyReads: whether a scope for reading is enough; nil for what the method says.
    /// - Throws: a `Problem` of 401 with all that is accepted, or `.insufficientKeyScope`.
    func admit(
        _ call: Call, scope: KeyScope? = nil, schemes: [String] = Callers.bearer, onlyReads: Bool? = nil
    ) async throws -> SignedIn {
        do {
            guard call.isSigned else {
                guard let token = try call.headers.token(of: schemes) else { throw Problem.authenticationRequired }
                return try await tokens.check(token)
            }
            let verified = try await signatures.verify(call.original, body: call.signedBody, by: policy)
            let caller = try verified.caller(scope: scope, isSafe: onlyReads ?? call.original.isSafe)
            try await signatures.accept(verified)
            return caller
        } catch let problem as Problem where problem.status == .unauthorized {
            throw problem.challenging(call, policy)
        }
    }

    /// Anybody's good signature: that it is good is all that is asked.
    func requireSignature(_ call: Call, by policy: SignaturePolicy) async throws {
        do {
            guard call.isSigned else { throw Problem.signatureMissing }
            try await signatures.accept(
                try await signatures.verify(call.original, body: call.signedBody, by: policy))
        } catch let problem as Problem where problem.status == .unauthorized {
            throw problem.challenging(call, policy)
        }
    }
}

extension VerifiedSignature {
    fileprivate func caller(scope: KeyScope?, isSafe: Bool) throws(Problem) -> SignedIn {
        let scopes = key.scopes
        if let scope, !scopes.contains(scope, isSafe: isSafe) {
            throw .insufficientKeyScope.saying("The key lacks the scope \(scope.text).")
        }
        let roles = key.account.roles.filter { scopes.contains(.role($0), isSafe: isSafe) }
        guard scope != nil || !roles.isEmpty else {
            throw .insufficientKeyScope.saying("No scope of the key is good for this.")
        }
        return SignedIn(account: key.account.limited(to: roles), credential: .key(key.entry.id))
    }
}

extension Call {
    /// The body as far as a signature has to cover it.
    fileprivate var signedBody: SignaturePolicy.Body {
        readsBody || SignaturePolicy.expectsContent(original.method) ? .read(body) : .unread(body)
    }
}

extension Problem {
    /// The same refusal with what a signature would have to cover (draft-cavage-http-signatures-12 §3.1.1, RFC 9421 §5.1).
    func challenging(_ call: Call, _ policy: SignaturePolicy) -> Problem {
        challenging(method: call.original.method, readsBody: call.readsBody, policy)
    }

    func challenging(method: String, readsBody: Bool, _ policy: SignaturePolicy) -> Problem {
        let names = policy.requiredHeaders(method: method, readsBody: readsBody)
        let hasContent = readsBody || SignaturePolicy.expectsContent(method)
        let components = policy.requiredComponents(hasContent: hasContent).map { "\"\($0)\"" }
        var problem = self
        problem.headers.append(
            HTTPField(
                name: .wwwAuthenticate,
                value: "Signature realm=\"HTTP-Signatures\",headers=\"\(names.joined(separator: " "))\""))
        problem.headers[.acceptSignature] = "sig1=(\(components.joined(separator: " ")));created"
        return problem
    }
}

extension HTTPField.Name {
    static let acceptSignature = HTTPField.Name("Accept-Signature")!
}

// MARK: - For routes

extension Access where Caller == SignedIn {
    /// Somebody with a valid token, or with a signature of a key with the scope.
    package static func signedIn(
        _ callers: Callers, _ scope: KeyScope? = nil, schemes: [String] = Callers.bearer
    ) -> Access {
        Access { call in try await callers.admit(call, scope: scope, schemes: schemes) }
    }
}

extension Access where Caller == Staff {
    /// On the paths of the IDM.
    ///
    /// - Parameter onlyReads: false where a GET gives more than something to read, as the token of a link.
    static func staff(_ callers: Callers, onlyReads: Bool? = nil) -> Access {
        Access { call in
            let account = try await callers.admit(
                call, schemes: Callers.bearerOrJWT, onlyReads: onlyReads
            ).account
            guard account.roles.contains(.staff) || account.roles.contains(.admin) else {
                throw Problem.insufficientRole
            }
            return Staff(account: account)
        }
    }
}

extension Access where Caller == Admin {
    /// - Parameters:
    ///   - scope: what a key must have been given besides the role.
    ///   - schemes: the words before a token.
    static func admin(
        _ callers: Callers, _ scope: KeyScope? = nil, schemes: [String] = Callers.bearer
    ) -> Access {
        Access { call in
            let caller = try await callers.admit(call, scope: scope, schemes: schemes)
            guard caller.account.roles.contains(.admin) else { throw Problem.insufficientRole }
            return Admin(account: caller.account)
        }
    }

    /// An admin's token, or a signature of a key that was given `introspect`, whatever its account.
    static func introspecting(_ callers: Callers) -> Access {
        let admin = Access.admin(callers)
        return Access { call in
            guard call.isSigned else { return try await admin.admit(call) }
            return Admin(account: try await callers.admit(call, scope: .introspect).account)
        }
    }
}

extension Access where Caller == Anyone {
    /// A good signature of any key, whatever its scopes.
    static func signed(_ callers: Callers, by policy: SignaturePolicy) -> Access {
        Access { call in
            try await callers.requireSignature(call, by: policy)
            return Anyone()
        }
    }
}
