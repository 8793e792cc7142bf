import GatehouseStorage

extension Schema {
    static let lookUps = Migration(
        number: 12, title: "addresses by the alias that they are looked up by",
        statements: [
            // `account_id` and `version` are those of the alias's account. They stand here too, so that a look-up reads these rows alone:
            // among ten million aliases each further tree is another page that no cache holds.
            "ALTER TABLE addresses RENAME TO addresses_before",
            """
            CREATE TABLE addresses (
                username TEXT NOT NULL,
                domain TEXT NOT NULL,
                address_type BIGINT NOT NULL,
                address TEXT NOT NULL,
                extensions TEXT NOT NULL,
                written_at BIGINT NOT NULL,
                account_id TEXT NOT NULL,
                version BIGINT NOT NULL,
                PRIMARY KEY (username, domain, address_type),
                FOREIGN KEY (username, domain) REFERENCES accounts (username, domain) ON DELETE CASCADE
            ) WITHOUT ROWID
            """,
            """
            INSERT INTO addresses
            SELECT a.username, a.domain, x.address_type, x.address, x.extensions, x.written_at, a.id, a.addresses_version
            FROM accounts a JOIN addresses_before x ON x.account_id = a.id
            WHERE a.username IS NOT NULL ORDER BY a.username, a.domain
            """,
            "DROP TABLE addresses_before",
            // Of the few aliases whose addresses are not shown. By an expression, so that no other index can serve instead.
            """
            CREATE INDEX accounts_disabled_aliases ON accounts ((username || '$' || domain))
            WHERE disabled_at IS NOT NULL
            """,
        ])
}
