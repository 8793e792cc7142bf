import ArgumentParser
import Foundation
import GatehouseRunner

/// The server, and what only its keeper knows.
struct TargetOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The server: http://127.0.0.1:9096", valueName: "url"))
    var target: String

    @Option(
        help: ArgumentHelp(
            """
            A variable for scenarios. Repeatable. Secrets are better given as GATEHOUSE_CONFORMANCE_<NAME> in the \
            environment or in a file.
            """, valueName: "name=value"))
    var variable: [String] = []

    @Option(help: ArgumentHelp("A YAML file with variables.", valueName: "file"))
    var variables: String?

    @Option(help: ArgumentHelp("Certificates (PEM) to trust, for a target with TLS.", valueName: "file"))
    var caFile: String?

    /// - Throws: `ExitCode.usage`.
    func parsedTarget() throws -> Target {
        guard let parsed = Target(target) else {
            throw UsageProblem(text: "--target must be a URL such as http://127.0.0.1:9096, not \(target)").reported
        }
        return parsed
    }

    /// The variables from file, environment and flags, in rising order of weight.
    ///
    /// - Throws: `ExitCode.usage`.
    func values() throws -> [String: String] {
        var given = GivenVariables()
        if let variables {
            do {
                try given.add(yaml: try text(of: variables), name: variables)
            } catch let mistakes as FileMistakes {
                throw UsageProblem(text: mistakes.description).reported
            }
        }
        given.add(environment: ProcessInfo.processInfo.environment)
        for flag in variable where !given.add(flag: flag) {
            // Only the name: what stands after it may be a secret.
            let name = flag.prefix { $0 != "=" }
            throw UsageProblem(text: "--variable must be name=value; \(name) is not the name of a variable").reported
        }
        return given.values
    }

    /// Looks once whether anything listens at the target.
    ///
    /// - Throws: `ExitCode.unreachable`.
    func requireReachable(_ target: Target) async throws {
        guard let reason = await target.unreachableReason() else { return }
        Output.writeError("The target \(target.url) cannot be reached: \(reason)\n")
        throw ExitCode.unreachable
    }
}

/// The text of a file that a flag names.
///
/// - Throws: `ExitCode.usage`, after the reason has been printed.
func text(of path: String) throws -> String {
    do {
        let data = try Data(contentsOf: URL(filePath: path))
        guard let text = String(validating: data, as: UTF8.self) else {
            throw UsageProblem(text: "\(path) is not UTF-8").reported
        }
        return text
    } catch let code as ExitCode {
        throw code
    } catch {
        throw UsageProblem(text: "\(path) cannot be read: \(error.localizedDescription)").reported
    }
}
