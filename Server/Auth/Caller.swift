import GatehouseMessages
public import Hummingbird
public import WebTokens

/// Who sent a request, by a token or a signature that was found good. Only `Authorize` can make one.
public struct Caller: Sendable {
    /// How that is known.
    public enum Credential: Sendable {
        /// A token, and all that it says.
        case token(Claims)
        /// A signature by the key of this id, and what the app knows of its owner.
        case signature(keyID: String, owner: KeyOwner)
    }

    /// The account. Of a token `sub`, which never changes and never comes to mean another account at its issuer; of a
    /// signature what the app calls the owner of the key.
    public let subject: String
    /// How that is known.
    public let credential: Credential

    /// Nil for a token about nobody.
    init?(_ claims: Claims) {
        guard let subject = claims.subject else { return nil }
        self.subject = subject
        credential = .token(claims)
    }

    init(keyID: String, owner: KeyOwner) {
        subject = owner.subject
        credential = .signature(keyID: keyID, owner: owner)
    }

    /// What the caller may do: of a token of Gatehouse the roles of the account, of a key what the app says of it.
    public var scope: [String] {
        switch credential {
        case .token(let claims): claims.scope
        case .signature(_, let owner): owner.scope
        }
    }

    /// Whether `scope` has it.
    public func has(scope name: String) -> Bool { scope.contains { $0.utf8.elementsEqual(name.utf8) } }
}

/// Whose key it is that signed a request, as far as the app wants to know.
public struct KeyOwner: Sendable {
    /// The account. Where tokens count too, what their `sub` would be: nobody may choose a key's owner by its name.
    public let subject: String
    /// What the key may do, all that `authorize(_:requiring:)` can ask for.
    public let scope: [String]
    /// Anything else that handlers want at hand.
    public let context: any Sendable

    /// With nothing but a name unless said.
    public init(subject: String, scope: [String] = [], context: any Sendable = ()) {
        self.subject = subject
        self.scope = scope
        self.context = context
    }
}

/// A context with a place for the caller. `BasicCallerContext` is one; an app with a context of its own adds the
/// property to it.
public protocol CallerRequestContext: RequestContext {
    /// Nil until `Authorize` has let the request through.
    var caller: Caller? { get set }
}

/// Hummingbird's basic context, with a place for the caller.
public struct BasicCallerContext: CallerRequestContext {
    /// What the framework keeps.
    public var coreContext: CoreRequestContextStorage
    /// Nil until `Authorize` has let the request through.
    public var caller: Caller?

    /// Without a caller.
    public init(source: Source) { coreContext = CoreRequestContextStorage(source: source) }
}

/// The context of handlers for known callers: with a caller, always.
public struct SignedInContext<Parent: CallerRequestContext>: ChildRequestContext {
    /// What the framework keeps.
    public var coreContext: CoreRequestContextStorage
    /// Who sent the request.
    public let caller: Caller
    /// The app's own context.
    public var parent: Parent

    /// - Throws: `AuthorizationError` when no `Authorize` stands before the group: nobody is let through then.
    public init(context: Parent) throws {
        guard let caller = context.caller else { throw AuthorizationError(.authenticationRequired) }
        coreContext = context.coreContext
        self.caller = caller
        parent = context
    }

    /// The app's.
    public var maxUploadSize: Int { parent.maxUploadSize }
    /// The app's.
    public var requestDecoder: Parent.Decoder { parent.requestDecoder }
    /// The app's.
    public var responseEncoder: Parent.Encoder { parent.responseEncoder }
}
