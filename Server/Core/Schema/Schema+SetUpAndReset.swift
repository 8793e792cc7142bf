import GatehouseStorage

extension Schema {
    static let setUpAndReset = Migration(
        number: 7, title: "the first admin, and links that reset a password",
        statements: [
            // `/init` is closed for good by this fact; see `SetUp`.
            """
            INSERT INTO store_facts (name, value)
            SELECT 'admin_made_at', CAST(MIN(a.created_at) AS TEXT)
            FROM account_roles r JOIN accounts a ON a.id = r.account_id WHERE r.role = 'admin' HAVING COUNT(*) > 0
            """,
            // `expires_at` is that of a code that opens `/init` again; the others are good until there is an admin.
            """
            CREATE TABLE set_up_codes (
                digest TEXT PRIMARY KEY,
                created_at BIGINT NOT NULL,
                expires_at BIGINT
            )
            """,
            // Until it has been looked up whether there is such an account, a moment later. `sealed` holds the name.
            """
            CREATE TABLE password_reset_requests (
                id TEXT PRIMARY KEY,
                sealed TEXT NOT NULL,
                requested_at BIGINT NOT NULL
            )
            """,
            // `ended_at`: when the key was used, or voided because another one was. The digest is a SHA-256 in base64url.
            """
            CREATE TABLE password_reset_keys (
                digest TEXT PRIMARY KEY,
                account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
                created_at BIGINT NOT NULL,
                expires_at BIGINT NOT NULL,
                ended_at BIGINT
            )
            """,
            "CREATE INDEX password_reset_keys_account ON password_reset_keys (account_id, created_at)",
            "CREATE INDEX password_reset_keys_created ON password_reset_keys (created_at)",
        ])
}
