import ArgumentParser
import Foundation
import GatehouseClient

/// `gatehouse-client sign METHOD URL`
struct Sign: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Sign a request with a key: print the header lines, or send it.",
        discussion: """
            Prints the header lines that sign it, ready for another program to send soon and once:
              gatehouse-client sign GET https://id.example.org/hello_someone --key-id K --secret-file F > lines
              curl -H @lines https://id.example.org/hello_someone
            With --send it is sent, and the body of the answer is printed; exit code 1 unless the answer is 2xx. If the server finds \
            the clock wrong, it is signed anew with the server's time and sent again, once.
            """)

    @OptionGroup var options: SignOptions
    @Flag(help: "Send it, and print the body of the answer.")
    var send = false
    @Flag(help: "Print a JSON object: the request with what was signed, or the answer with --send.")
    var json = false

    func run() async throws {
        let gatehouse = try options.gatehouse(sending: send)
        guard send else {
            let signed = try await options.signed(by: gatehouse)
            if json {
                print(try Self.text(Request(signed)))
            } else {
                for line in signed.added { Terminal.write("\(line.name): \(line.value)") }
            }
            return
        }
        let answer = try await options.answer(of: gatehouse)
        if json { print(try Self.text(Answer(answer))) } else { Terminal.write(octets: answer.body) }
        guard (200..<300).contains(answer.status) else {
            let code = answer.header("Error-Code").map { " (\($0))" } ?? ""
            Terminal.writeError("gatehouse-client: The server answered \(answer.status)\(code).")
            throw ExitCode(1)
        }
    }

    static func text(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    struct Line: Encodable {
        let name: String
        let value: String

        init(_ line: (name: String, value: String)) { (name, value) = line }
    }

    private struct Request: Encodable {
        let method: String
        let url: String
        let headers: [Line]
        let added: [Line]
        let signingString: String

        init(_ signed: SignedRequest) {
            method = signed.request.method
            url = signed.request.url
            headers = signed.request.headers.map { Line($0) }
            added = signed.added.map { Line($0) }
            signingString = String(decoding: signed.signingString.octets, as: UTF8.self)
        }
    }

    private struct Answer: Encodable {
        let status: Int
        let headers: [Line]
        let body: String

        init(_ answer: TransportResponse) {
            status = answer.status
            headers = answer.headers.map { Line($0) }
            body = String(decoding: answer.body, as: UTF8.self)
        }
    }
}
