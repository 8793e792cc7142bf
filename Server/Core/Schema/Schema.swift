package import GatehouseStorage

/// The store's tables, as numbered steps. A shipped step stays as it is; a change is a new step, in a file of its own.
package enum Schema {
    package static let migrations: [Migration] = [
        Migration(
            number: 1, title: "accounts, domains, addresses, sessions, signing keys, sign-in limits",
            statements: [
                // Raised by every write that can change who may do what; see `Database.generation()`.
                "CREATE TABLE generation (id INTEGER PRIMARY KEY CHECK (id = 1), value BIGINT NOT NULL)",
                "INSERT INTO generation (id, value) VALUES (1, 1)",
                """
                CREATE TABLE accounts (
                    id TEXT PRIMARY KEY,
                    email TEXT UNIQUE,
                    username TEXT,
                    domain TEXT,
                    password_hash TEXT NOT NULL,
                    created_at BIGINT NOT NULL,
                    password_changed_at BIGINT NOT NULL,
                    disabled_at BIGINT,
                    addresses_version BIGINT NOT NULL DEFAULT 0,
                    UNIQUE (username, domain),
                    CHECK ((username IS NULL) = (domain IS NULL)),
                    CHECK (email IS NOT NULL OR username IS NOT NULL)
                )
                """,
                "CREATE INDEX accounts_domain ON accounts (domain)",
                """
                CREATE TABLE account_roles (
                    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
                    role TEXT NOT NULL,
                    PRIMARY KEY (account_id, role)
                )
                """,
                """
                CREATE TABLE domains (
                    name TEXT PRIMARY KEY,
                    owner_id TEXT REFERENCES accounts (id) ON DELETE SET NULL,
                    secret_digest TEXT UNIQUE,
                    secret_hash TEXT,
                    created_at BIGINT NOT NULL,
                    CHECK (secret_digest IS NULL OR secret_hash IS NULL)
                )
                """,
                "CREATE INDEX domains_owner ON domains (owner_id)",
                // The domain's own name is among its hosts, so that one look-up finds the domain of a host.
                """
                CREATE TABLE domain_hosts (
                    host TEXT PRIMARY KEY,
                    domain TEXT NOT NULL REFERENCES domains (name) ON DELETE CASCADE
                )
                """,
                "CREATE INDEX domain_hosts_domain ON domain_hosts (domain)",
                """
                CREATE TABLE addresses (
                    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
                    address_type BIGINT NOT NULL,
                    address TEXT NOT NULL,
                    extensions TEXT NOT NULL,
                    written_at BIGINT NOT NULL,
                    PRIMARY KEY (account_id, address_type)
                )
                """,
                """
                CREATE TABLE sessions (
                    id TEXT PRIMARY KEY,
                    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
                    created_at BIGINT NOT NULL,
                    expires_at BIGINT NOT NULL
                )
                """,
                "CREATE INDEX sessions_account ON sessions (account_id)",
                "CREATE INDEX sessions_expiry ON sessions (expires_at)",
                """
                CREATE TABLE signing_keys (
                    id TEXT PRIMARY KEY,
                    algorithm TEXT NOT NULL,
                    sealed TEXT NOT NULL,
                    created_at BIGINT NOT NULL,
                    retired_at BIGINT
                )
                """,
                // One row for a name or a network that failed lately; see `SignInLimits`.
                """
                CREATE TABLE sign_in_failures (
                    bucket TEXT PRIMARY KEY,
                    failures BIGINT NOT NULL,
                    first_at BIGINT NOT NULL,
                    refused_until BIGINT NOT NULL,
                    forget_at BIGINT NOT NULL
                )
                """,
                "CREATE INDEX sign_in_failures_forget ON sign_in_failures (forget_at)",
                """
                CREATE TABLE known_networks (
                    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
                    network TEXT NOT NULL,
                    last_success_at BIGINT NOT NULL,
                    PRIMARY KEY (account_id, network)
                )
                """,
                // Facts about the store itself: the master key's fingerprint.
                "CREATE TABLE store_facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
            ]),
        Migration(
            number: 2, title: "sessions: last use, audience, refresh tokens",
            statements: [
                "ALTER TABLE sessions ADD COLUMN last_used_at BIGINT NOT NULL DEFAULT 0",
                "UPDATE sessions SET last_used_at = created_at",
                "CREATE INDEX sessions_last_use ON sessions (last_used_at)",
                // `aud` of the session's tokens; NULL when they are for this server.
                "ALTER TABLE sessions ADD COLUMN audience TEXT",
                // The one refresh token of a session, and what is needed to know an honest retry; see `RefreshTokens`.
                """
                CREATE TABLE refresh_tokens (
                    session_id TEXT PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
                    digest TEXT NOT NULL,
                    previous_digest TEXT,
                    previous_key_digest TEXT,
                    rotated_at BIGINT
                )
                """,
            ]),
        Migration(
            number: 3, title: "the life of signing keys: standby, active, retired",
            statements: [
                // When a standby key takes over, and when it did; both empty for one that only waits.
                "ALTER TABLE signing_keys ADD COLUMN activates_at BIGINT",
                "ALTER TABLE signing_keys ADD COLUMN activated_at BIGINT",
                // Of a retired key: until its last token has expired.
                "ALTER TABLE signing_keys ADD COLUMN accepted_until BIGINT",
                // Of the tokens that the key signed, in seconds.
                "ALTER TABLE signing_keys ADD COLUMN longest_lifetime BIGINT NOT NULL DEFAULT 0",
                // The one key that there was has signed what nobody noted.
                "UPDATE signing_keys SET activated_at = created_at, longest_lifetime = 43200",
                // One key signs, and one at most is next.
                """
                CREATE UNIQUE INDEX signing_keys_active ON signing_keys ((activated_at IS NOT NULL))
                WHERE activated_at IS NOT NULL AND retired_at IS NULL
                """,
                """
                CREATE UNIQUE INDEX signing_keys_next ON signing_keys ((activates_at IS NOT NULL))
                WHERE activates_at IS NOT NULL AND activated_at IS NULL AND retired_at IS NULL
                """,
            ]),
        Migration(
            number: 4, title: "keys that sign requests, and signatures that were accepted",
            statements: [
                """
                CREATE TABLE api_keys (
                    id TEXT PRIMARY KEY,
                    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
                    algorithm TEXT NOT NULL,
                    sealed TEXT NOT NULL,
                    previous_sealed TEXT,
                    previous_until BIGINT,
                    scopes TEXT NOT NULL,
                    is_strict BIGINT NOT NULL,
                    is_debug BIGINT NOT NULL,
                    is_weak BIGINT NOT NULL,
                    created_at BIGINT NOT NULL,
                    expires_at BIGINT,
                    last_used_at BIGINT,
                    CHECK ((previous_sealed IS NULL) = (previous_until IS NULL))
                )
                """,
                "CREATE INDEX api_keys_account ON api_keys (account_id, created_at, id)",
                // As long as it would count again; see `AcceptedSignatures`. The identity is a SHA-256 in base64url.
                """
                CREATE TABLE accepted_signatures (
                    identity TEXT PRIMARY KEY,
                    account_id TEXT NOT NULL,
                    forget_at BIGINT NOT NULL
                )
                """,
                "CREATE INDEX accepted_signatures_forget ON accepted_signatures (forget_at)",
            ]),
        study,
        mail,
        setUpAndReset,
        auditChain,
        imports,
        domains,
        importedAliases,
        lookUps,
    ]
}
