import HTTPTypes

extension Gatehouse {
    /// Whether the server and its store can work (`GET /health/ready`).
    ///
    /// - Throws: `GatehouseError.unreachable` when no answer comes at all.
    public func isReady() async throws -> Bool {
        do {
            _ = try await attempt(Call(method: .get, target: "/health/ready", isRepeatable: false), bearer: nil)
            return true
        } catch GatehouseError.refused {
            return false
        }
    }
}
