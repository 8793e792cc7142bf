import ArgumentParser
import Foundation
import GatehouseCore
import GatehouseJSON

struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say what is wrong with this set-up.",
        usage: "gatehouse check [--json] [--config <file>] [SETTINGS]",
        discussion: """
            Takes the settings that `gatehouse serve` has, given in the same ways, and looks at the files and their permissions, \
            the store, the public URL as a client would, the proxy in front, TLS, mail, the clock, the disk. Changes nothing. \
            Run it as the user who runs the server, beside the running server.

            Exit code 0 when nothing is wrong, 1 when something is, 2 when a setting is.
            """)

    @Flag(help: "Print JSON.")
    var json = false

    @Option(help: ArgumentHelp("A YAML file with settings.", valueName: "file"))
    var config: String?

    @Argument(parsing: .allUnrecognized, help: .hidden)
    var words: [String] = []

    func run() async throws {
        let (flags, others, mistakes) = Serve.flags(from: words)
        guard others.isEmpty else {
            throw Refusal(reason: "unexpected argument \"\(others[0])\"", exitCode: 2)
        }
        let settings = try Settings.load(fromFlags: flags, config: config, mistakesBefore: mistakes)
        let file = config ?? ProcessInfo.processInfo.environment["GATEHOUSE_CONFIG"]
        let findings = await SetUpCheck(settings: settings, configFile: file).findings()
        if json {
            try printJSON(
                .array(
                    findings.map {
                        [
                            "subject": .string($0.subject), "verdict": .string($0.verdict.rawValue),
                            "words": .string($0.words),
                        ]
                    }))
        } else {
            for finding in findings {
                let verdict = finding.verdict.rawValue.padding(toLength: 7, withPad: " ", startingAt: 0)
                try writeLine("\(verdict) \(finding.subject): \(finding.words)")
            }
        }
        let wrong = findings.count { $0.verdict == .wrong }
        guard wrong == 0 else {
            throw Refusal(reason: wrong == 1 ? "One thing is wrong." : "\(wrong) things are wrong.")
        }
    }
}

/// What a look at one part of the set-up told.
struct Finding {
    enum Verdict: String {
        case ok, note
        /// The server does not do, or does not keep, what it promises.
        case wrong
    }

    let subject: String
    let verdict: Verdict
    /// What was seen; when something is wrong, also what to do.
    let words: String

    static func ok(_ subject: String, _ words: String) -> Finding {
        Finding(subject: subject, verdict: .ok, words: words)
    }
    static func note(_ subject: String, _ words: String) -> Finding {
        Finding(subject: subject, verdict: .note, words: words)
    }
    static func wrong(_ subject: String, _ words: String) -> Finding {
        Finding(subject: subject, verdict: .wrong, words: words)
    }
}
