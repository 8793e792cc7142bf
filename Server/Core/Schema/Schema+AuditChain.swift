import GatehouseStorage

extension Schema {
    static let auditChain = Migration(
        number: 8, title: "where the chain of the audit log begins",
        statements: [
            // One row. `start_sequence` and `start_code` are those of the last event that was removed, 0 and empty while all are
            // kept; `start_proof` authenticates them. Whoever seals raises `turn` first, and so has the row to itself.
            """
            CREATE TABLE audit_chain (
                id BIGINT PRIMARY KEY CHECK (id = 1),
                turn BIGINT NOT NULL,
                start_sequence BIGINT NOT NULL,
                start_code TEXT NOT NULL,
                start_proof TEXT NOT NULL
            )
            """,
            "INSERT INTO audit_chain (id, turn, start_sequence, start_code, start_proof) VALUES (1, 0, 0, '', '')",
            // For `/api/audits` of one object.
            "CREATE INDEX audit_events_object ON audit_events (object_id, number)",
        ])
}
