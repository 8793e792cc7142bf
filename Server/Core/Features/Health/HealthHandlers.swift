import GatehouseMessages
import GatehouseStorage

/// `GET /health` and `/health/ready`, for load balancers and service managers.
struct HealthHandlers: Sendable {
    let database: any Database
    let schemaVersion: Int

    /// The process answers.
    @Sendable func live(_: Call, _: Anyone) async throws -> Answer { .json(Array("{\"status\":\"ok\"}".utf8)) }

    /// The store can be reached and has the tables of this program.
    @Sendable func ready(_: Call, _: Anyone) async throws -> Answer {
        try await database.checkReachable()
        guard try await database.schemaVersion() == schemaVersion else { throw Problem.storeUnavailable }
        return .json(Array("{\"status\":\"ready\"}".utf8))
    }
}
