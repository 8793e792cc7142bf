import GatehouseCryptography
package import GatehousePasswords
package import GatehouseStorage
package import WebTokens

/// Every rule, built by hand and in order, for the server and for the command line alike.
package struct Features: Sendable {
    package let accounts: Accounts
    package let domains: Domains
    package let signIn: SignIn
    package let tokens: AccessTokens
    package let aliases: Aliases
    package let addresses: Addresses
    package let limits: SignInLimits
    let settings: Settings
    let database: any Database
    let clock: Clock

    package init(
        settings: Settings, database: any Database, passwords: PasswordHasher, signingKey: SigningKey, clock: Clock
    ) throws {
        self.settings = settings
        self.database = database
        self.clock = clock
        limits = SignInLimits(
            perName: settings.signInFailuresPerName, perNetwork: settings.signInFailuresPerNetwork)
        accounts = Accounts(database: database, passwords: passwords, policy: settings.passwordPolicy, clock: clock)
        domains = Domains(database: database, passwords: passwords, clock: clock)
        tokens = try AccessTokens(
            database: database, key: signingKey, issuer: settings.publicURL ?? "gatehouse", clock: clock,
            faults: settings.faults)
        signIn = SignIn(
            database: database, passwords: passwords, policy: settings.passwordPolicy, limits: limits, tokens: tokens,
            sessionLifetime: .days(settings.sessionLifetime), clock: clock)
        aliases = Aliases(
            database: database, accounts: accounts, domains: domains, tokens: tokens, limits: limits, clock: clock)
        addresses = Addresses(database: database, clock: clock, faults: settings.faults)
    }

    var signInHandlers: SignInHandlers { SignInHandlers(signIn: signIn, lifetime: settings.tokenLifetime) }

    var addressHandlers: AddressHandlers {
        AddressHandlers(
            addresses: addresses, limit: LookUpLimit(perMinute: settings.lookUpsPerMinute), clock: clock,
            cacheControl: settings.lookUpCacheControl)
    }

    var aliasHandlers: AliasHandlers { AliasHandlers(aliases: aliases) }

    var healthHandlers: HealthHandlers {
        HealthHandlers(database: database, schemaVersion: Schema.migrations.last?.number ?? 0)
    }
}
