import GatehouseStorage

extension Schema {
    static let importedAliases = Migration(
        number: 11, title: "what came along from servers of aliases",
        statements: [
            // A file that came along. Its rows are not noted one by one: all users up to `users_until` have come along, or are in
            // `imported_refusals`, and so have all addresses up to `addresses_until`. An import goes on in the order of the names:
            // of the users after those, up to `round_users`, all have come along whose name is not above `round_name`. `key` makes
            // the identifiers of the accounts; see `ImportedSource`.
            """
            CREATE TABLE imported_sources (
                id TEXT PRIMARY KEY,
                format TEXT NOT NULL,
                key TEXT NOT NULL,
                users_until BIGINT NOT NULL,
                addresses_until BIGINT NOT NULL,
                round_users BIGINT,
                round_name TEXT
            )
            """,
            // Rows by which a file is known again, also when it was used further: digests of the first and the last.
            """
            CREATE TABLE imported_anchors (
                source TEXT NOT NULL REFERENCES imported_sources (id) ON DELETE CASCADE,
                place TEXT NOT NULL,
                number BIGINT NOT NULL,
                code TEXT NOT NULL,
                PRIMARY KEY (source, place)
            )
            """,
            // What each domain of a file became, so that one that was removed here does not come back.
            """
            CREATE TABLE imported_domains (
                source TEXT NOT NULL REFERENCES imported_sources (id) ON DELETE CASCADE,
                name TEXT NOT NULL,
                domain TEXT NOT NULL,
                PRIMARY KEY (source, name)
            )
            """,
            // Rows that did not come along, to be looked at again. `kind` is `user` or `address`.
            """
            CREATE TABLE imported_refusals (
                source TEXT NOT NULL REFERENCES imported_sources (id) ON DELETE CASCADE,
                kind TEXT NOT NULL,
                number BIGINT NOT NULL,
                PRIMARY KEY (source, kind, number)
            )
            """,
            // The kinds of those hashes of Argon2 that have not been renewed yet; see `SignIn`.
            """
            CREATE INDEX accounts_argon2 ON accounts (\(argon2Kind)) WHERE \(isOtherArgon2)
            """,
        ])

    /// What a PHC string has before its salt: without the tag, and then without the salt.
    static let argon2Kind: StaticString = """
        rtrim(rtrim(rtrim(password_hash, 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'), '$'), \
        'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/')
        """
    /// Whether a hash is Argon2's, but not of the kind that is made here.
    static let isOtherArgon2: StaticString = """
        substr(password_hash, 1, 2) <> '$2' AND substr(password_hash, 1, 31) <> '$argon2id$v=19$m=19456,t=2,p=1$'
        """
}
