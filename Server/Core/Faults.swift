/// A check that a debug build can be told to leave out (`gatehouse serve --fault NAME`), so that it can be shown that the
/// conformance suite notices. The optimised build contains none of them: there `isActive` is always false and the names are gone.
package struct Faults: Sendable, Equatable {
    #if DEBUG
    package enum Fault: String, CaseIterable, Sendable {
        /// A look-up answers with any alias of the domain.
        case usernameCheckDropped = "username-check-dropped"
        /// A look-up answers with that username of any domain.
        case domainCheckDropped = "domain-check-dropped"
        /// A token is good for ever.
        case tokenExpiryUnchecked = "token-expiry-unchecked"
        /// An address whose checksum is wrong is stored.
        case addressChecksumUnchecked = "address-checksum-unchecked"
        /// A refresh token counts again after it was rotated.
        case refreshReuseUnchecked = "refresh-reuse-unchecked"
        /// A token counts although its session has ended.
        case sessionEndIgnored = "session-end-ignored"
        /// A token for another server counts here.
        case audienceUnchecked = "audience-unchecked"
        /// A signing key that was removed while the server runs is still accepted.
        case removedKeyAccepted = "removed-key-accepted"
        // Faults of the C3-PRO IDM; see `StudyFaults`.
        case userShownToAll = "user-shown-to-all"
        case emptyNameAccepted = "empty-name-accepted"
        case adminByAnyValue = "admin-by-any-value"
        case ownedMembersAssigned = "owned-members-assigned"
        case linkTokenPublic = "link-token-public"
        case linkMembersUnfixed = "link-members-unfixed"
        case listsCut = "lists-cut-at-fifty"
        case searchIsAPattern = "search-is-a-pattern"
        case subjectTwice = "subject-made-twice"
        case passwordCut = "password-cut-at-72-octets"
        case signInBodyUnchecked = "sign-in-body-unchecked"
        /// The link of a reset mail begins with what the request named as its host.
        case resetLinkFromHost = "reset-link-from-host"
        /// `/init` makes an account without the role, and stays open.
        case statusNotRemembered = "status-not-remembered"
        case initMakesNoAdmin = "init-makes-no-admin"
        /// `/init` makes admins although there is one.
        case initStaysOpen = "init-stays-open-later"
        /// `/iforgot` says when there is no such account.
        case forgotTells = "forgot-page-tells"
        /// Who was signed in stays so when the password is reset.
        case resetKeepsSessions = "reset-keeps-sessions"
        /// A reset without a key is taken for one with a good key.
        case resetWithoutKey = "reset-without-key"
        /// An address is set, and the audit log does not know.
        case auditEventMissing = "audit-event-missing"
        /// A token counts before its time.
        case tokenFromTheFuture = "token-from-the-future"
        // Faults of flaskCCAP; see `CapFaults`.
        case capSignsInAnybody = "cap-signs-in-anybody"
        case capWritesToTheFirst = "cap-writes-to-the-first"
        case capTokenOfAnyDomain = "cap-token-of-any-domain"
        case capUsernameTakenAnywhere = "cap-username-taken-anywhere"
        case capUsernameCaseKept = "cap-username-case-kept"
        case capCoinCaseKept = "cap-coin-case-kept"
        case capFirstCoinStays = "cap-first-coin-stays"
        case capHostCaseKept = "cap-host-case-kept"
        case capHostPortKept = "cap-host-port-kept"
        case capUnknownDomainBreaks = "cap-unknown-domain-breaks"
        case capInputBreaks = "cap-any-input-breaks"
        case capCredentialBreaks = "cap-any-credential-breaks"
        // Each leaves out what its name says; see `SignatureFaults`.
        case signatureMethod = "signature-method-unchecked"
        case signatureTarget = "signature-target-unchecked"
        case signatureQuery = "signature-query-unchecked"
        case signatureHost = "signature-host-unchecked"
        case signatureDate = "signature-date-unchecked"
        case signatureExpiry = "signature-expiry-unchecked"
        case signatureDigest = "signature-digest-uncompared"
        case signatureDuplicateParameter = "signature-duplicate-parameter-accepted"
        case signatureOrder = "signature-order-unchecked"
        case signatureAlgorithm = "signature-algorithm-unbound"
        case signatureCoverage = "signature-coverage-unchecked"
        case signatureReplay = "signature-replay-accepted"
    }

    package let active: Set<Fault>
    package init(_ active: Set<Fault> = []) { self.active = active }
    #else
    package init() {}
    #endif
}
