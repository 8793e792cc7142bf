import ArgumentParser
import GatehouseRunner

/// Where the target's mail is caught.
struct MailOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            Listen for the mail that the target sends; give it this address as its mail server. Without it, what needs \
            mail is skipped.
            """, valueName: "host:port"))
    var mailSink: String?

    /// Begins to listen.
    ///
    /// - Throws: `ExitCode.usage`, after the reason has been printed.
    func sink() throws -> MailSink? {
        do { return try mailSink.map { address throws(MailSinkProblem) in try MailSink(at: address) } } catch {
            throw UsageProblem(text: "--mail-sink: \(error)").reported
        }
    }
}
