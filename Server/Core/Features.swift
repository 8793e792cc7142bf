package import GatehouseCryptography
import GatehouseMessages
import GatehouseDNS
package import GatehousePasswords
package import GatehouseStorage
import HTTPSignatures

/// Every rule, built by hand and in order, for the server and for the command line alike.
package struct Features: Sendable {
    package let accounts: Accounts
    package let domains: Domains
    package let hosted: HostedDomains
    package let signIn: SignIn
    package let signingKeys: SigningKeys
    package let tokens: AccessTokens
    package let aliases: Aliases
    package let addresses: Addresses
    let coins: Coins
    /// One for all doors, so that nobody asks for as many names at each.
    let lookUpLimit: NetworkLimit
    package let limits: SignInLimits
    package let keys: APIKeys
    package let outbox: Outbox
    let mailStatus: PartStatus
    /// How mail leaves; nil when there is none.
    let delivery: MailDelivery?
    package let audits: AuditChain
    let accepted: AcceptedSignatures
    let domainProxy: DomainProxy
    let subjects: Subjects
    let links: Links
    package let callers: Callers
    let sessions: Sessions
    let renewal: Renewal
    let introspection: Introspection
    let revocation: Revocation
    package let setUp: SetUp
    let passwordReset: PasswordReset
    let databaseStatus: PartStatus
    let settings: Settings
    let database: any Database
    let clock: Clock

    package init(
        settings: Settings, database: any Database, passwords: PasswordHasher, masterKey: SealingKey,
        signingKeys: SigningKeys, delivery: MailDelivery?, clock: Clock
    ) {
        self.settings = settings
        self.database = database
        self.clock = clock
        audits = AuditChain(database, at: settings.database, masterKey: masterKey, clock: clock)
        limits = SignInLimits(
            perName: settings.signInFailuresPerName, perNetwork: settings.signInFailuresPerNetwork)
        let policy = settings.faults.policy(settings.passwordPolicy)
        accounts = Accounts(database: database, passwords: passwords, policy: policy, clock: clock)
        domains = Domains(database: database, passwords: passwords, clock: clock)
        hosted = HostedDomains(database: database, faults: settings.faults)
        let living = LivingSessions(idleTime: settings.sessionIdleTime.map(Int64.minutes))
        let refreshTokens = RefreshTokenKey(masterKey)
        self.signingKeys = signingKeys
        tokens = AccessTokens(
            database: database, keys: signingKeys, issuer: settings.publicURL ?? "gatehouse", living: living,
            clock: clock, faults: settings.faults)
        keys = APIKeys(database: database, masterKey: masterKey, clock: clock)
        accepted = AcceptedSignatures(database: database, capacity: settings.replayCapacity)
        self.delivery = delivery
        outbox = Outbox(isOn: delivery != nil, masterKey: masterKey)
        mailStatus = .of(delivery, clock: clock, faults: settings.faults)
        callers = Callers(
            tokens: tokens,
            signatures: Signatures(
                database: database, keys: keys, accepted: accepted, clock: clock, faults: settings.faults),
            policy: SignaturePolicy(window: settings.signatureWindow))
        sessions = Sessions(database: database, living: living, clock: clock)
        renewal = Renewal(
            database: database, tokens: tokens, refreshTokens: refreshTokens, living: living, clock: clock,
            faults: settings.faults)
        introspection = Introspection(
            database: database, tokens: tokens, refreshTokens: refreshTokens, living: living, clock: clock)
        revocation = Revocation(database: database, tokens: tokens, refreshTokens: refreshTokens)
        signIn = SignIn(
            database: database, passwords: passwords, policy: policy, limits: limits, tokens: tokens,
            refreshTokens: refreshTokens, sessionLifetime: .days(settings.sessionLifetime), clock: clock)
        setUp = SetUp(database: database, accounts: accounts, clock: clock, faults: settings.faults)
        passwordReset = PasswordReset(
            database: database, passwords: passwords, policy: policy, masterKey: masterKey,
            publicURL: settings.publicURL, outbox: outbox, mailsPerHour: settings.resetMailsPerHour, clock: clock,
            faults: settings.faults)
        databaseStatus = .of(database, clock: clock)
        aliases = Aliases(
            database: database, accounts: accounts, domains: domains, limits: limits,
            signUps: NetworkLimit(perHour: settings.signUpsPerHour, refusal: .tooManySignUps), clock: clock)
        addresses = Addresses(database: database, clock: clock, faults: settings.faults)
        coins = Coins(database: database, addresses: addresses, clock: clock)
        lookUpLimit = NetworkLimit(perMinute: settings.lookUpsPerMinute, refusal: .tooManyLookups)
        // No thread is there for questions that nobody asks.
        var lookUp: DomainProxy.LookUp?
        if settings.hasDomainProxy {
            let dns = DNSClient(servers: settings.dnsServers)
            lookUp = { name async throws(DNSError) in try await dns.texts(of: name) }
        }
        domainProxy = DomainProxy(
            database: database, accounts: accounts, signIn: signIn, masterKey: masterKey, outbox: outbox,
            claimable: ClaimableDomains(ownHost: settings.publicURL.flatMap(Authority.init(ofAbsoluteTarget:))?.host),
            lookUp: lookUp, claimsPerNetwork: settings.domainClaimsPerNetwork,
            checkLimit: NetworkLimit(perMinute: settings.domainChecksPerMinute, refusal: .tooManyChecks), clock: clock)
        subjects = Subjects(database: database, clock: clock, faults: settings.faults)
        links = Links(
            database: database, masterKey: masterKey, issuer: settings.publicURL ?? "gatehouse",
            audience: settings.linkAudience ?? "\(settings.publicURL ?? "gatehouse")/", clock: clock,
            faults: settings.faults)
    }

    var rootHandlers: RootHandlers { RootHandlers(setUp: setUp) }
    var statusHandlers: StatusHandlers { StatusHandlers(database: databaseStatus, mail: mailStatus) }
    var setUpHandlers: SetUpHandlers { SetUpHandlers(setUp: setUp) }
    var passwordResetHandlers: PasswordResetHandlers {
        PasswordResetHandlers(
            reset: passwordReset,
            limit: NetworkLimit(perMinute: settings.resetRequestsPerMinute, refusal: .tooManyResetRequests),
            clock: clock
        )
    }
    var signInHandlers: SignInHandlers { SignInHandlers(signIn: signIn, lifetime: settings.tokenLifetime) }

    var amphoHandlers: AmphoHandlers {
        AmphoHandlers(signIn: signIn, renewal: renewal, callers: callers, lifetime: settings.amphoTokenLifetime)
    }
    var sessionHandlers: SessionHandlers { SessionHandlers(sessions: sessions) }
    var introspectionHandlers: IntrospectionHandlers {
        IntrospectionHandlers(introspection: introspection, revocation: revocation, issuer: tokens.issuer)
    }
    var passwordHandlers: PasswordHandlers { PasswordHandlers(signIn: signIn, accounts: accounts) }
    var accountHandlers: AccountHandlers { AccountHandlers(accounts: accounts) }
    var domainHandlers: DomainHandlers { DomainHandlers(domains: domains) }
    var amphoPrefix: AmphoPrefix { settings.amphoPrefix }

    var addressHandlers: AddressHandlers {
        AddressHandlers(
            addresses: addresses, limit: lookUpLimit, clock: clock, cacheControl: settings.lookUpCacheControl)
    }
    var capHandlers: CAPHandlers {
        CAPHandlers(
            hosted: hosted, aliases: aliases, coins: coins, limit: lookUpLimit, clock: clock,
            cacheControl: settings.lookUpCacheControl, faults: settings.faults)
    }

    var authHandlers: AuthHandlers {
        AuthHandlers(
            signIn: signIn, hosted: hosted, lifetime: settings.idmTokenLifetime,
            capLifetime: settings.capTokenLifetime, faults: settings.faults)
    }
    var userHandlers: UserHandlers { UserHandlers(accounts: accounts, faults: settings.faults) }
    var subjectHandlers: SubjectHandlers { SubjectHandlers(subjects: subjects) }
    var linkHandlers: LinkHandlers { LinkHandlers(links: links) }
    /// Who may read the token of a link.
    var linkReaders: Access<LinkReader> {
        .linkReader(callers, isPublic: settings.hasPublicLinkTokens || settings.faults.opensLinkTokens)
    }

    var aliasHandlers: AliasHandlers { AliasHandlers(aliases: aliases, callers: callers) }

    var domainProxyHandlers: DomainProxyHandlers { DomainProxyHandlers(proxy: domainProxy, callers: callers) }

    var keyHandlers: APIKeyHandlers { APIKeyHandlers(keys: keys) }

    /// What signatures have to cover on the pages that are for trying them out; nil without the pages.
    var helloPolicy: SignaturePolicy? {
        settings.hasHelloPages
            ? SignaturePolicy(window: settings.signatureWindow, verifiedHeaders: settings.verifiedHeaders) : nil
    }

    var proxyHandlers: ProxyHandlers { ProxyHandlers(callers: callers) }

    var signingKeyHandlers: SigningKeyHandlers { SigningKeyHandlers(keys: signingKeys) }

    var auditHandlers: AuditHandlers { AuditHandlers(database: database) }

    var healthHandlers: HealthHandlers {
        HealthHandlers(database: database, schemaVersion: Schema.migrations.last?.number ?? 0)
    }
}
