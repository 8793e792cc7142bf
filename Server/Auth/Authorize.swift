public import Hummingbird

/// Lets requests through that carry a good token or a good signature, and says so in their context.
///
/// Handlers that want to know who calls belong into a group whose context is `SignedInContext`, where nobody else
/// arrives; `authorize` on a router makes both in one step.
///
/// - Important: A token says what was true when it was issued. That its session was ended, or its account disabled or
///   demoted, is not seen here until it expires, some minutes later. Where that is too late, ask the issuer
///   (RFC 7662; `POST /api/introspect` of a Gatehouse server).
public struct Authorize<Context: CallerRequestContext>: RouterMiddleware {
    private enum Rules {
        case tokens(TokenRules)
        case signatures(SignatureRules)
        case either(TokenRules, SignatureRules)
    }

    private let rules: Rules
    private let scope: [String]

    /// - Parameters:
    ///   - rules: whose tokens count. Shared by all middleware of a server, so that a token is verified once.
    ///   - scope: what the token must hold, all of it; tokens of Gatehouse have the roles of the account there.
    ///     Anything but scope tokens (RFC 6749 §3.3) is a programmer's mistake.
    public init(_ rules: TokenRules, requiring scope: [String] = []) { self.init(.tokens(rules), scope) }

    /// - Parameters:
    ///   - rules: whose signatures count. Shared by all middleware of a server.
    ///   - scope: what the owner of the key must hold, as for tokens.
    public init(_ rules: SignatureRules, requiring scope: [String] = []) { self.init(.signatures(rules), scope) }

    /// A token or a signature. Beside a token, or any other `Authorization`, a signature is not looked at: it may be that
    /// of a proxy.
    public init(_ tokens: TokenRules, or signatures: SignatureRules, requiring scope: [String] = []) {
        self.init(.either(tokens, signatures), scope)
    }

    private init(_ rules: Rules, _ scope: [String]) {
        precondition(scope.allSatisfy(Self.isScopeToken), "a scope is visible ASCII without quotes and backslashes")
        self.rules = rules
        self.scope = scope
    }

    /// - Throws: `AuthorizationError`, which the router turns into an answer.
    public func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        var request = request
        var context = context
        context.caller = try await caller(of: &request, context)
        return try await next(request, context)
    }

    private func caller(of request: inout Request, _ context: Context) async throws -> Caller {
        switch rules {
        case .tokens(let tokens):
            return try await tokens.caller(with: request.headers, requiring: scope, logger: context.logger)
        case .signatures(let signatures):
            return try await signatures.caller(
                of: &request, requiring: scope, maxUploadSize: context.maxUploadSize, logger: context.logger)
        case .either(let tokens, let signatures):
            do {
                if request.headers.hasSignature, !request.headers.hasOtherAuthorization {
                    return try await signatures.caller(
                        of: &request, requiring: scope, maxUploadSize: context.maxUploadSize, logger: context.logger)
                }
                return try await tokens.caller(with: request.headers, requiring: scope, logger: context.logger)
            } catch let error as AuthorizationError {
                throw error.offering(token: tokens.challenge, signature: signatures.challenge(to: request))
            }
        }
    }

    private static func isScopeToken(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy {
                (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
            }
    }
}

extension RouterMethods where Context: CallerRequestContext {
    /// A group for callers with a good token.
    ///
    /// ```
    /// router.group("notes").authorize(rules).get { _, context in notes.list(of: context.caller.subject) }
    /// router.group("admin").authorize(rules, requiring: "admin").get("users") { … }
    /// ```
    ///
    /// - Parameter scope: what the token must hold, all of it.
    public func authorize(
        _ rules: TokenRules, requiring scope: String...
    ) -> RouterGroup<SignedInContext<Context>> { authorize(Authorize(rules, requiring: scope)) }

    /// A group for callers who signed.
    ///
    /// - Parameter scope: what the owner of the key must hold, all of it.
    public func authorize(
        _ rules: SignatureRules, requiring scope: String...
    ) -> RouterGroup<SignedInContext<Context>> { authorize(Authorize(rules, requiring: scope)) }

    /// A group for callers with a good token and for those who signed.
    ///
    /// - Parameter scope: what the token or the owner of the key must hold, all of it.
    public func authorize(
        _ tokens: TokenRules, or signatures: SignatureRules, requiring scope: String...
    ) -> RouterGroup<SignedInContext<Context>> { authorize(Authorize(tokens, or: signatures, requiring: scope)) }

    private func authorize(_ middleware: Authorize<Context>) -> RouterGroup<SignedInContext<Context>> {
        group().add(middleware: middleware).group(context: SignedInContext<Context>.self)
    }
}
