import GatehouseStorage

extension Schema {
    static let domains = Migration(
        number: 10, title: "coins, settings of domains, domains that prove themselves by DNS",
        statements: [
            // Of coins that OpenCAP has no address type for; the others are in `addresses`.
            """
            CREATE TABLE coins (
                account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
                coin TEXT NOT NULL,
                address TEXT NOT NULL,
                written_at BIGINT NOT NULL,
                PRIMARY KEY (account_id, coin)
            )
            """,
            // Who makes its aliases: see `SignUpPolicy`.
            "ALTER TABLE domains ADD COLUMN sign_up TEXT NOT NULL DEFAULT 'secret'",
            // Separated by spaces.
            "ALTER TABLE domains ADD COLUMN allowed_origins TEXT NOT NULL DEFAULT ''",
            // Numbers separated by commas; NULL for all.
            "ALTER TABLE domains ADD COLUMN address_types TEXT",
            // Of a domain that proved itself by a record in DNS; all empty for one that an operator added.
            "ALTER TABLE domains ADD COLUMN verified_record TEXT",
            "ALTER TABLE domains ADD COLUMN checked_at BIGINT",
            "ALTER TABLE domains ADD COLUMN record_missing_since BIGINT",
            // How often in a row.
            "ALTER TABLE domains ADD COLUMN record_missing_checks BIGINT NOT NULL DEFAULT 0",
            "ALTER TABLE domains ADD COLUMN owner_told_at BIGINT",
            // Who says that a domain is theirs and has not shown it yet: an account, or a username and a password that become
            // the domain's first alias.
            """
            CREATE TABLE domain_claims (
                id TEXT PRIMARY KEY,
                domain TEXT NOT NULL,
                account_id TEXT REFERENCES accounts (id) ON DELETE CASCADE,
                username TEXT,
                password_hash TEXT,
                record TEXT NOT NULL,
                network TEXT NOT NULL,
                created_at BIGINT NOT NULL,
                expires_at BIGINT NOT NULL,
                CHECK ((account_id IS NULL) <> (username IS NULL)),
                CHECK ((username IS NULL) = (password_hash IS NULL))
            )
            """,
            "CREATE UNIQUE INDEX domain_claims_account ON domain_claims (domain, account_id)",
            "CREATE UNIQUE INDEX domain_claims_username ON domain_claims (domain, username)",
            "CREATE INDEX domain_claims_network ON domain_claims (network, expires_at)",
            "CREATE INDEX domain_claims_expiry ON domain_claims (expires_at)",
        ])
}
