package import GatehouseRunner

/// What a tour is told: where to go, and the caller's variables.
package struct TourContext: Sendable {
    package let target: Target
    package let variables: [String: String]
    /// Certificates to trust for a target with TLS.
    package let caFile: String?
    /// Where the target's mail arrives.
    package let mailSink: MailSink?
    /// Ten characters for names that no other run uses.
    package let unique: String

    package init(target: Target, variables: [String: String], caFile: String? = nil, mailSink: MailSink? = nil) {
        self.target = target
        self.variables = variables
        self.caFile = caFile
        self.mailSink = mailSink
        unique = UniqueText.make()
    }
}

/// One step of a tour: a promise that the SDK and the server keep together.
package struct TourStep<State: Sendable>: Sendable {
    package let title: String
    /// Where the promise is written.
    package let source: String
    package let position: SourcePosition
    let act: @Sendable (inout State) async throws -> Void

    package init(
        _ title: String, source: String, file: String = #fileID, line: Int = #line, column: Int = #column,
        act: @escaping @Sendable (inout State) async throws -> Void
    ) {
        self.title = title
        self.source = source
        self.act = act
        position = SourcePosition(file: file, line: line, column: column)
    }
}

/// What a step needs and the caller has not given; the steps after it go on.
struct TourSkip: Error {
    let reason: String

    init(_ reason: String) { self.reason = reason }
}

/// Something that a step found other than promised.
package struct TourMismatch: Error, Sendable {
    let mismatch: Failure.Mismatch
}

/// Stops the step unless both are equal.
///
/// - Parameter subject: what is compared, for the report. Values are shown there, masked as everywhere.
package func expect<Value: Equatable & Sendable>(
    _ subject: String, _ actual: Value, is expected: Value, file: String = #fileID, line: Int = #line,
    column: Int = #column
) throws(TourMismatch) {
    guard actual != expected else { return }
    throw TourMismatch(
        mismatch: Failure.Mismatch(
            subject: subject, expected: "\(expected)", actual: "\(actual)",
            position: SourcePosition(file: file, line: line, column: column)))
}

/// Stops the step unless the statement is true.
package func expect(
    _ statement: String, _ isTrue: Bool, file: String = #fileID, line: Int = #line, column: Int = #column
) throws(TourMismatch) {
    try expect(statement, isTrue, is: true, file: file, line: line, column: column)
}
