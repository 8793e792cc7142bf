import HTTPTypes

extension RouteTable {
    /// What exists, and who may call it.
    package init(_ features: Features) {
        self.init()
        let anyone = Access<Anyone>.anyone
        // A key that signs needs a role of its account besides a token's right, and more where it says so.
        let callers = features.callers
        let signedIn = Access<SignedIn>.signedIn(callers)
        let alias = Access<SignedIn>.signedIn(callers, .role(.alias))
        let manager = Access<SignedIn>.signedIn(callers, .manage)
        let admin = Access<Admin>.admin(callers)
        let managingAdmin = Access<Admin>.admin(callers, .manage)

        let root = features.rootHandlers
        on(.get, "/", anyone, root.root)
        on(.get, "/pages/style.css", anyone, PageAsset.stylesheet.answer)
        on(.get, "/pages/icon.svg", anyone, PageAsset.icon.answer)
        on(.get, "/status", anyone, features.statusHandlers.show)

        // Forms, which no page of another site may send.
        let ownForms = Access<Anyone>.sameSite(features.settings.publicURL)
        let setUp = features.setUpHandlers
        on(.get, "/init", anyone, setUp.show)
        on(.post, "/init", ownForms, readsBody: true, setUp.create)
        let reset = features.passwordResetHandlers
        on(.get, "/iforgot", anyone, reset.ask)
        on(.post, "/iforgot", ownForms, readsBody: true, reset.request)
        on(.get, "/reset", anyone, reset.show)
        on(.post, "/reset", ownForms, readsBody: true, reset.set)

        let signIn = features.signInHandlers
        on(.post, "/v1/auth", anyone, readsBody: true, signIn.begin)

        let addresses = features.addressHandlers
        on(.get, "/v1/addresses", anyone, publicToAllOrigins: true, addresses.lookUp)
        on(.put, "/v1/addresses", alias, readsBody: true, addresses.set)
        on(.delete, "/v1/addresses/{address_type}", alias, addresses.delete)

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

        let domainProxy = features.domainProxyHandlers
        on(.get, "/v1/domains", manager, domainProxy.list)
        on(.post, "/v1/domains", anyone, readsBody: true, domainProxy.claim)
        on(.post, "/v1/domains/{domain}/verify", anyone, readsBody: true, domainProxy.verify)

        let sessions = features.sessionHandlers
        on(.get, "/api/sessions", manager, sessions.list)
        on(.delete, "/api/sessions/{id}", manager, sessions.end)

        let introspection = features.introspectionHandlers
        on(.post, "/api/introspect", .introspecting(callers), readsBody: true, introspection.introspect)
        on(.post, "/api/revoke", anyone, readsBody: true, introspection.revoke)

        let passwords = features.passwordHandlers
        on(.post, "/api/password", manager, readsBody: true, passwords.change)

        let accounts = features.accountHandlers
        on(.get, "/api/accounts", admin, accounts.list)
        on(.post, "/api/accounts", managingAdmin, readsBody: true, accounts.create)
        on(.get, "/api/accounts/{id}", admin, accounts.read)
        on(.patch, "/api/accounts/{id}", managingAdmin, readsBody: true, accounts.change)
        on(.delete, "/api/accounts/{id}", managingAdmin, accounts.delete)

        let domains = features.domainHandlers
        let keeper = Access<DomainKeeper>.domainKeeper(callers)
        let managingKeeper = Access<DomainKeeper>.domainKeeper(callers, .manage)
        on(.get, "/api/domains", keeper, domains.list)
        on(.post, "/api/domains", managingAdmin, readsBody: true, domains.create)
        on(.get, "/api/domains/{domain}", keeper, domains.show)
        on(.patch, "/api/domains/{domain}", managingKeeper, readsBody: true, domains.change)
        on(.delete, "/api/domains/{domain}", managingAdmin, domains.remove)
        on(.post, "/api/domains/{domain}/rotate-secret", managingKeeper, domains.rotateSecret)

        let signingKeys = features.signingKeyHandlers
        on(.get, "/.well-known/jwks.json", anyone, publicToAllOrigins: true, signingKeys.publicKeys)
        on(.get, "/api/signing-keys", admin, signingKeys.list)
        on(.post, "/api/signing-keys", managingAdmin, readsBody: true, signingKeys.create)
        on(.get, "/api/signing-keys/{kid}", admin, signingKeys.show)
        on(.patch, "/api/signing-keys/{kid}", managingAdmin, readsBody: true, signingKeys.change)
        on(.delete, "/api/signing-keys/{kid}", managingAdmin, signingKeys.remove)

        let keys = features.keyHandlers
        on(.get, "/api/keys", manager, keys.list)
        on(.post, "/api/keys", manager, readsBody: true, keys.create)
        on(.get, "/api/keys/{id}", manager, keys.show)
        on(.patch, "/api/keys/{id}", manager, readsBody: true, keys.change)
        on(.post, "/api/keys/{id}/rotate", manager, readsBody: true, keys.rotate)
        on(.delete, "/api/keys/{id}", manager, keys.revoke)

        let cap = features.capHandlers
        let member = Access<DomainMember>.domainMember(callers, features.hosted)
        on(.post, "/private/user", anyone, readsBody: true, cap.createUser)
        on(.post, "/ccap/private/user", anyone, readsBody: true, cap.createUser)
        on(.post, "/address", member, readsBody: true, cap.set)
        on(.post, "/ccap/address", member, readsBody: true, cap.set)
        on(.get, "/address/{username}/{coin}", anyone, cap.lookUp)
        on(.get, "/ccap/address/{username}/{coin}", anyone, cap.lookUp)

        // Of CAP and of the IDM.
        let auth = features.authHandlers
        on(.post, "/auth", anyone, readsBody: true, auth.signIn)
        on(.post, "/ccap/auth", anyone, readsBody: true, auth.signInToCAP)

        // The paths of the C3-PRO IDM take `Authorization: JWT …` as well.
        let staff = Access<Staff>.staff(callers)
        let userAdmin = Access<Admin>.admin(callers, .manage, schemes: Callers.bearerOrJWT)
        let users = features.userHandlers
        on(.post, "/user", userAdmin, readsBody: true, users.create)
        on(.delete, "/user", userAdmin, readsBody: true, users.delete)
        on(.get, "/user/{username}", .signedIn(callers, schemes: Callers.bearerOrJWT), users.read)

        let subjects = features.subjectHandlers
        on(.post, "/subject", staff, readsBody: true, subjects.create)
        on(.get, "/subject", staff, subjects.list)
        on(.get, "/subject/{sssid}", staff, subjects.read)
        on(.put, "/subject/{sssid}", staff, readsBody: true, subjects.change)
        on(.get, "/subject/{sssid}/audits", staff, subjects.audits)

        let links = features.linkHandlers
        on(.get, "/subject/{sssid}/links", staff, links.list)
        on(.post, "/subject/{sssid}/links", staff, links.create)
        on(.get, "/link/{jti}", staff, links.read)
        on(.put, "/link/{jti}", staff, readsBody: true, links.change)
        on(.get, "/link/{jti}/jwt", features.linkReaders, links.token)
        on(.get, "/link/{jti}/qr", .staff(callers, onlyReads: false), links.picture)
        on(.post, "/establish", anyone, readsBody: true, largestBody: 1 << 20, links.establish)

        on(.get, "/api/audits", admin, features.auditHandlers.list)

        on(.get, "/verify", anyone, features.proxyHandlers.verify)
        if let policy = features.helloPolicy {
            let hello = HelloHandlers()
            let signed = Access<Anyone>.signed(callers, by: policy)
            on(.get, "/hello_world", anyone, hello.anyone)
            for method in [HTTPRequest.Method.get, .post] {
                on(method, "/hello_world_private", signed, hello.whoSigned)
            }
            for method in [HTTPRequest.Method.get, .post, .put, .patch, .delete] {
                on(method, "/hello_someone", signed, hello.someone)
            }
        }

        let health = features.healthHandlers
        on(.get, "/health", anyone, health.live)
        on(.get, "/health/ready", anyone, health.ready)
    }
}
