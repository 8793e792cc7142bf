import GatehouseStorage

extension Schema {
    static let mail = Migration(
        number: 6, title: "mail that waits to be sent",
        statements: [
            // `sealed` holds recipient, template and values: what a mail says is nobody's who only reads the store. Who sends a
            // mail writes a word of its own into `lease` and moves `next_attempt_at` to the lease's end; see `Outbox`.
            """
            CREATE TABLE outbox (
                id TEXT PRIMARY KEY,
                sealed TEXT NOT NULL,
                created_at BIGINT NOT NULL,
                next_attempt_at BIGINT NOT NULL,
                attempts BIGINT NOT NULL,
                lease TEXT
            )
            """,
            "CREATE INDEX outbox_next ON outbox (next_attempt_at, id)",
        ])
}
