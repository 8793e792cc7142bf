import HTTPTypes

extension RouteTable {
    /// What exists, and who may call it.
    package init(_ features: Features) {
        self.init()
        let anyone = Access<Anyone>.anyone
        let signedIn = Access<SignedIn>.signedIn(features.tokens)
        let admin = Access<Admin>.admin(features.tokens)

        let signIn = features.signInHandlers
        on(.post, "/v1/auth", anyone, readsBody: true, signIn.begin)

        let addresses = features.addressHandlers
        on(.get, "/v1/addresses", anyone, publicToAllOrigins: true, addresses.lookUp)
        on(.put, "/v1/addresses", signedIn, readsBody: true, addresses.set)
        on(.delete, "/v1/addresses/{address_type}", signedIn, addresses.delete)

        let aliases = features.aliasHandlers
        on(.post, "/v1/users", anyone, readsBody: true, aliases.create)
        on(.delete, "/v1/users", signedIn, aliases.delete)

        let ampho = features.amphoHandlers
        let prefix = features.amphoPrefix.path
        // The original has them below `1`, its document has them without.
        on(.post, "\(prefix)/login", anyone, readsBody: true, ampho.logIn)
        on(.post, "\(prefix)/1/login", anyone, readsBody: true, ampho.logIn)
        on(.post, "\(prefix)/renew", anyone, ampho.renew)
        on(.post, "\(prefix)/1/renew", anyone, ampho.renew)

        let sessions = features.sessionHandlers
        on(.get, "/api/sessions", signedIn, sessions.list)
        on(.delete, "/api/sessions/{id}", signedIn, sessions.end)

        let introspection = features.introspectionHandlers
        on(.post, "/api/introspect", admin, readsBody: true, introspection.introspect)
        on(.post, "/api/revoke", anyone, readsBody: true, introspection.revoke)

        let passwords = features.passwordHandlers
        on(.post, "/api/password", signedIn, readsBody: true, passwords.change)

        let accounts = features.accountHandlers
        on(.get, "/api/accounts", admin, accounts.list)
        on(.post, "/api/accounts", admin, readsBody: true, accounts.create)
        on(.get, "/api/accounts/{id}", admin, accounts.read)
        on(.patch, "/api/accounts/{id}", admin, readsBody: true, accounts.change)
        on(.delete, "/api/accounts/{id}", admin, accounts.delete)

        let keys = features.signingKeyHandlers
        on(.get, "/.well-known/jwks.json", anyone, publicToAllOrigins: true, keys.publicKeys)
        on(.get, "/api/signing-keys", admin, keys.list)
        on(.post, "/api/signing-keys", admin, readsBody: true, keys.create)
        on(.get, "/api/signing-keys/{kid}", admin, keys.show)
        on(.patch, "/api/signing-keys/{kid}", admin, readsBody: true, keys.change)
        on(.delete, "/api/signing-keys/{kid}", admin, keys.remove)

        let health = features.healthHandlers
        on(.get, "/health", anyone, health.live)
        on(.get, "/health/ready", anyone, health.ready)
    }
}
