import GatehouseClient

/// The code with which the server refuses the call.
///
/// - Throws: `TourMismatch` when it does not refuse.
func refusal(
    file: String = #fileID, line: Int = #line, _ call: @Sendable () async throws -> Void
) async throws -> String? {
    try await wholeRefusal(file: file, line: line, call).code
}

/// The refusal as the server worded it.
func wholeRefusal(
    file: String = #fileID, line: Int = #line, _ call: @Sendable () async throws -> Void
) async throws -> GatehouseError.Refusal {
    do {
        try await call()
    } catch GatehouseError.refused(let refusal) {
        return refusal
    }
    try expect("refused by the server", false, file: file, line: line)
    throw CancellationError()
}
