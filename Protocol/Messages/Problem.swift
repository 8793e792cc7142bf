package import HTTPTypes

/// A refusal that a caller can act on. Code, status and sentence sit together, so a problem cannot be half added.
///
/// Every door answers with the same status and the same `Error-Code` header; only the shape of the body differs.
package struct Problem: Error, Sendable, Equatable {
    /// Stable: clients and scenarios match on it (header `Error-Code`).
    package let code: String
    package let status: HTTPResponse.Status
    /// Shown to people; never a secret or an internal error.
    package let title: String
    /// Header lines that belong to this refusal, such as `Retry-After`.
    package var headers: HTTPFields = [:]
    /// What the operator may know beyond that, for the log. It never leaves the server.
    package var reason: String?

    package init(code: String, status: HTTPResponse.Status, title: String, headers: HTTPFields = [:]) {
        self.code = code
        self.status = status
        self.title = title
        self.headers = headers
    }

    /// The same refusal with a sentence that says more about this one case.
    package func saying(_ title: String) -> Problem {
        Problem(code: code, status: status, title: title, headers: headers)
    }

    /// The same refusal with `Retry-After` (RFC 9110 §10.2.3), at least one second.
    package func retryAfter(seconds: Int64) -> Problem {
        var problem = self
        problem.headers[.retryAfter] = String(max(1, seconds))
        return problem
    }
}

extension Problem: CustomStringConvertible {
    package var description: String { title }
}

// MARK: - The list

extension Problem {
    // What was sent cannot be read.
    package static let malformedRequest = Problem(
        code: "malformed_request", status: .badRequest, title: "The request is not well-formed HTTP.")
    package static let invalidHost = Problem(
        code: "invalid_host", status: .badRequest, title: "The request must name exactly one host.")
    package static let invalidJSON = Problem(
        code: "invalid_json", status: .badRequest, title: "The body is not valid JSON.")
    package static let wrongType = Problem(
        code: "wrong_type", status: .badRequest, title: "A member of the body has the wrong type.")
    package static let missingMember = Problem(
        code: "missing_member", status: .badRequest, title: "A member of the body is missing.")
    package static let invalidMember = Problem(
        code: "invalid_member", status: .badRequest, title: "A member of the body has a value that it cannot have.")
    package static let invalidQuery = Problem(
        code: "invalid_query", status: .badRequest, title: "The query cannot be read.")
    package static let invalidAlias = Problem(
        code: "invalid_alias", status: .badRequest, title: "This is not an alias such as alice$example.com.")
    package static let invalidAddressType = Problem(
        code: "invalid_address_type", status: .badRequest, title: "This is not a known address type.")
    package static let invalidAddress = Problem(
        code: "invalid_address", status: .badRequest, title: "The address is not valid for its type.")
    package static let invalidExtensions = Problem(
        code: "invalid_extensions", status: .badRequest, title: "The extensions cannot be stored.")
    package static let invalidDomain = Problem(
        code: "invalid_domain", status: .badRequest, title: "This is not a domain that could be hosted here.")
    package static let weakPassword = Problem(
        code: "weak_password", status: .badRequest, title: "The password is too short or too common.")
    package static let invalidPassword = Problem(
        code: "invalid_password", status: .badRequest, title: "The password cannot be used.")
    package static let aliasRequired = Problem(
        code: "alias_required", status: .badRequest,
        title: "The account has no alias of its own; name one with ?alias=.")
    package static let invalidForm = Problem(
        code: "invalid_form", status: .badRequest, title: "The body is not a form that can be read.")
    package static let unknownMember = Problem(
        code: "unknown_member", status: .badRequest, title: "The body has a member that is not known here.")
    package static let invalidAudience = Problem(
        code: "invalid_audience", status: .badRequest,
        title: "An audience has 1 to 256 characters, none of them a space or a control character.")
    package static let invalidIdempotencyKey = Problem(
        code: "invalid_idempotency_key", status: .badRequest,
        title: "There is one Idempotency-Key at most, of 16 to 64 visible ASCII characters.")
    package static let invalidName = Problem(
        code: "invalid_name", status: .badRequest, title: "This is neither an e-mail address nor an alias.")
    package static let invalidRole = Problem(
        code: "invalid_role", status: .badRequest, title: "The roles that can be given are admin and staff.")
    package static let invalidSigningKey = Problem(
        code: "invalid_signing_key", status: .badRequest, title: "This key cannot sign tokens.")
    package static let invalidKey = Problem(
        code: "invalid_key", status: .badRequest, title: "This key cannot sign requests.")
    package static let invalidScope = Problem(
        code: "invalid_scope", status: .badRequest,
        title: "A scope is admin, staff, owner or alias, each also with :read, introspect or manage.")
    package static let invalidForwarding = Problem(
        code: "invalid_forwarding", status: .badRequest,
        title: "The proxy must say method, target and host of the original request, each once.")

    // Who is asking.
    package static let authenticationRequired = Problem(
        code: "authentication_required", status: .unauthorized, title: "Sign in to do this.")
    package static let invalidToken = Problem(
        code: "invalid_token", status: .unauthorized, title: "The token is not valid here.")
    package static let expiredToken = Problem(
        code: "expired_token", status: .unauthorized, title: "The token has expired; sign in again.")
    package static let invalidCredentials = Problem(
        code: "invalid_credentials", status: .unauthorized, title: "The name or the password is wrong.")
    package static let signatureMissing = Problem(
        code: "signature_missing", status: .unauthorized, title: "Sign the request.")
    package static let signatureStale = Problem(
        code: "signature_stale", status: .unauthorized, title: "The signature is too old, or from the future.")
    package static let signatureInvalid = Problem(
        code: "signature_invalid", status: .unauthorized, title: "The signature is not valid here.")
    package static let crossSite = Problem(
        code: "cross_site", status: .forbidden, title: "This form was sent by a page of another site.")
    package static let setUpCodeNeeded = Problem(
        code: "set_up_code_needed", status: .forbidden, title: "The set-up code is missing, wrong or no longer good.")
    package static let insufficientKeyScope = Problem(
        code: "insufficient_scope", status: .forbidden, title: "The key may not do this.")
    package static let untrustedPeer = Problem(
        code: "untrusted_peer", status: .forbidden, title: "Only a proxy that the operator trusts may ask this.")
    package static let bodyNotCompared = Problem(
        code: "body_not_compared", status: .forbidden, title: "The digest of a body cannot be compared here.")
    package static let noAlias = Problem(
        code: "no_alias", status: .forbidden, title: "The account has no alias, so it has no addresses.")
    package static let wrongDomain = Problem(
        code: "wrong_domain", status: .forbidden, title: "This credential is for another domain.")
    package static let linkUnknown = Problem(
        code: "link_unknown", status: .forbidden, title: "This is not the token of a link.")
    package static let linkExpired = Problem(
        code: "link_expired", status: .forbidden, title: "this link has expired")
    package static let insufficientRole = Problem(
        code: "insufficient_role", status: .forbidden, title: "The account may not do this.")
    package static let refreshTokenRequired = Problem(
        code: "refresh_token_required", status: .forbidden,
        title: "This session has a refresh token and is renewed with that.")

    // What is there.
    package static let notFound = Problem(code: "not_found", status: .notFound, title: "There is nothing here.")
    package static let unknownAlias = Problem(
        code: "unknown_alias", status: .notFound, title: "This alias is not known.")
    package static let unknownDomain = Problem(
        code: "unknown_domain", status: .notFound, title: "This domain is not hosted here.")
    package static let unknownAccount = Problem(
        code: "unknown_account", status: .notFound, title: "There is no such account.")
    package static let unknownSession = Problem(
        code: "unknown_session", status: .notFound, title: "There is no such session.")
    package static let addressNotSet = Problem(
        code: "address_not_set", status: .notFound, title: "The alias has no address of this type.")
    package static let unknownSigningKey = Problem(
        code: "unknown_signing_key", status: .notFound, title: "There is no signing key of this kid.")
    package static let unknownKey = Problem(
        code: "unknown_key", status: .notFound, title: "There is no key of this id.")
    package static let unknownClaim = Problem(
        code: "unknown_claim", status: .notFound, title: "You have no open claim of this domain; make one first.")
    package static let methodNotAllowed = Problem(
        code: "method_not_allowed", status: .methodNotAllowed, title: "The method is not allowed here.")
    package static let aliasTaken = Problem(
        code: "alias_taken", status: .conflict, title: "This alias is already taken.")
    package static let domainTaken = Problem(
        code: "domain_taken", status: .conflict, title: "This domain is hosted here already.")
    package static let claimExists = Problem(
        code: "claim_exists", status: .conflict,
        title: "Somebody claims the domain with this username and another password; choose another username.")
    package static let domainNotVerified = Problem(
        code: "domain_not_verified", status: .conflict, title: "The record of the claim is not in DNS.")
    package static let hostTaken = Problem(
        code: "host_taken", status: .conflict, title: "This host name belongs to another domain.")
    package static let secretTaken = Problem(
        code: "secret_taken", status: .conflict, title: "This secret is that of another domain.")
    package static let nameTaken = Problem(
        code: "name_taken", status: .conflict, title: "There is already an account of this name.")
    package static let lastAdmin = Problem(
        code: "last_admin", status: .conflict, title: "This is the last admin who can sign in; make another one first.")
    package static let signingKeyExists = Problem(
        code: "signing_key_exists", status: .conflict, title: "There is a signing key of this kid already.")
    package static let signingKeyState = Problem(
        code: "signing_key_state", status: .conflict, title: "The state of the signing key does not allow this.")
    package static let keyExists = Problem(
        code: "key_exists", status: .conflict, title: "There is a key of this id already.")
    package static let tooManyKeys = Problem(
        code: "too_many_keys", status: .conflict, title: "The account has as many keys as it can have; revoke one.")
    package static let tooManyCoins = Problem(
        code: "too_many_coins", status: .conflict, title: "The alias has addresses of as many coins as it can have.")
    package static let notAPatient = Problem(
        code: "not_a_patient", status: .notAcceptable, title: "you must provide a FHIR `Patient` resource")
    package static let subjectTaken = Problem(
        code: "subject_taken", status: .conflict, title: "this SSSID is already taken")
    package static let sssidFixed = Problem(
        code: "sssid_fixed", status: .conflict, title: "SSSID cannot be changed")
    package static let stepTaken = Problem(
        code: "step_taken", status: .conflict, title: "The subject has taken this step already.")
    package static let linkEstablished = Problem(
        code: "link_established", status: .conflict, title: "The link has been established already.")
    package static let linkFixed = Problem(
        code: "link_fixed", status: .conflict, title: "This property of the link can no longer be changed.")
    package static let linkGone = Problem(
        code: "link_gone", status: .gone, title: "this link has expired")
    package static let notConsented = Problem(
        code: "not_consented", status: .preconditionFailed, title: "Subject has not yet been consented")
    package static let misdirectedRequest = Problem(
        code: "misdirected_request", status: .misdirectedRequest,
        title: "The certificate of this connection does not cover the host that was asked for.")

    // Limits.
    package static let requestTimeout = Problem(
        code: "request_timeout", status: .requestTimeout, title: "The request arrived too slowly.")
    package static let bodyTooLarge = Problem(
        code: "body_too_large", status: .contentTooLarge, title: "The body is larger than 64 KiB.")
    package static let targetTooLong = Problem(
        code: "target_too_long", status: .uriTooLong, title: "The request target is longer than 8 KiB.")
    package static let headersTooLarge = Problem(
        code: "headers_too_large", status: .requestHeaderFieldsTooLarge,
        title: "The header section is larger than 16 KiB or has more than 100 lines.")
    package static let unsupportedMediaType = Problem(
        code: "unsupported_media_type", status: .unsupportedMediaType, title: "Send the body as application/json.")
    package static let tooManyAttempts = Problem(
        code: "too_many_attempts", status: .tooManyRequests, title: "Too many failed sign-ins; wait before the next.")
    package static let tooManyResetRequests = Problem(
        code: "too_many_reset_requests", status: .tooManyRequests,
        title: "Too many reset links were asked for from your network.")
    package static let tooManyLookups = Problem(
        code: "too_many_lookups", status: .tooManyRequests, title: "Too many unknown aliases; wait before the next.")
    package static let tooManyClaims = Problem(
        code: "too_many_claims", status: .tooManyRequests,
        title: "Your network has as many open claims of domains as it can have.")
    package static let tooManyChecks = Problem(
        code: "too_many_checks", status: .tooManyRequests, title: "Too many domains were checked for your network.")
    package static let tooManySignUps = Problem(
        code: "too_many_sign_ups", status: .tooManyRequests,
        title: "Too many aliases were made from your network; wait before the next.")
    package static let overloaded = Problem(
        code: "overloaded", status: .serviceUnavailable, title: "The server is busy; try again shortly."
    ).retryAfter(seconds: 1)
    package static let storeUnavailable = Problem(
        code: "store_unavailable", status: .serviceUnavailable, title: "The store cannot be used at the moment."
    ).retryAfter(seconds: 5)
    package static let internalError = Problem(
        code: "internal_error", status: .internalServerError, title: "Something went wrong on the server.")
}

extension HTTPField.Name {
    /// The stable word of a refusal.
    package static let errorCode = HTTPField.Name("Error-Code")!
}
