import HTTPTypes

extension Gatehouse {
    /// Whether the server's process runs (`GET /health`). Asked once, without further attempts.
    ///
    /// - Throws: `GatehouseError.unreachable` when no answer comes at all.
    public func isAlive() async throws(GatehouseError) -> Bool { try await answersWell("/health") }

    /// Whether the server and its store can work (`GET /health/ready`). Asked once, without further attempts.
    ///
    /// - Throws: `GatehouseError.unreachable` when no answer comes at all.
    public func isReady() async throws(GatehouseError) -> Bool { try await answersWell("/health/ready") }

    private func answersWell(_ path: String) async throws(GatehouseError) -> Bool {
        do throws(GatehouseError) {
            _ = try await send(Call(method: .get, target: path, repetition: .never))
            return true
        } catch {
            guard error.refusal != nil else { throw error }
            return false
        }
    }
}
