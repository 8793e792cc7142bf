import GatehouseMessages
public import Hummingbird
public import WebTokens

/// Who sent a request, by a token that was found good. Only `Authorize` can make one.
public struct Caller: Sendable {
    /// `sub`: the account at its issuer. Never changes, and never comes to mean another account.
    public let subject: String
    /// All that the token says.
    public let claims: Claims

    /// Nil for a token about nobody.
    init?(_ claims: Claims) {
        guard let subject = claims.subject else { return nil }
        self.subject = subject
        self.claims = claims
    }

    /// Whether the token holds the scope, which in tokens of Gatehouse is a role of the account.
    public func has(scope: String) -> Bool { claims.scope.contains { $0.utf8.elementsEqual(scope.utf8) } }
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

/// The context of handlers for signed-in people: with a caller, always.
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
