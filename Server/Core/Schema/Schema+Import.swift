import GatehouseStorage

extension Schema {
    static let imports = Migration(
        number: 9, title: "what came along from other programs",
        statements: [
            // A row for each document that came along, so that none comes twice, not even one that was deleted here since.
            // `object` is what it became: an account, the number of a subject, a link, an event. The digest tells whether the
            // document is another by now.
            """
            CREATE TABLE imported_documents (
                source TEXT NOT NULL,
                document TEXT NOT NULL,
                kind TEXT NOT NULL,
                object TEXT NOT NULL,
                digest TEXT NOT NULL,
                PRIMARY KEY (source, document)
            )
            """,
            // The costs of those hashes of bcrypt that have not been renewed yet; see `SignIn`.
            """
            CREATE INDEX accounts_bcrypt ON accounts (substr(password_hash, 5, 2))
            WHERE substr(password_hash, 1, 2) = '$2'
            """,
        ])
}
