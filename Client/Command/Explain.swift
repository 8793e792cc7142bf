import ArgumentParser
import Foundation
import GatehouseClient
import HTTPSignatures

/// `gatehouse-client explain METHOD URL`
struct Explain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Send a signed request and say why the server refuses it.",
        discussion: """
            Prints what was signed, line by line, sends the request once, and says what the server made of it. Of a key that the \
            server has for debugging, it compares line by line what either end signed, and names what differs: an intermediary \
            may have changed it. Exit code 0 when the signature counts, 1 when it does not.
            """)

    @OptionGroup var options: SignOptions
    @Flag(help: "Print a JSON object.")
    var json = false

    func run() async throws {
        let gatehouse = try options.gatehouse(sending: true)
        let signed = try await options.signed(by: gatehouse)
        if !json {
            Terminal.write("What was signed:")
            for line in signed.signingString.lines {
                Terminal.write("  \(String(decoding: line.octets, as: UTF8.self))")
            }
        }
        let answer = try await gatehouse.send(signed)
        let verdict = Verdict(signed, answer, now: Int64(Date.now.timeIntervalSince1970))
        if json {
            print(try Sign.text(Report(signed, answer, verdict)))
        } else {
            let code = answer.header("Error-Code").map { " (\($0))" } ?? ""
            Terminal.write("The server answered \(answer.status)\(code).")
            for sentence in verdict.sentences { Terminal.write(sentence) }
        }
        if !verdict.counts { throw ExitCode(1) }
    }

    private struct Report: Encodable {
        struct Line: Encodable {
            let component: String
            let line: String
            let digest: String
            let serverDigest: String?
        }

        let method: String
        let url: String
        let lines: [Line]
        let status: Int
        let errorCode: String?
        let signatureCounts: Bool
        let differs: [String]
        let explanation: [String]

        init(_ signed: SignedRequest, _ answer: TransportResponse, _ verdict: Verdict) {
            method = signed.request.method
            url = signed.request.url
            lines = signed.signingString.lines.map { line in
                Line(
                    component: line.component, line: String(decoding: line.octets, as: UTF8.self), digest: line.digest,
                    serverDigest: verdict.serverDigests?.first { $0.component == line.component }?.digest)
            }
            status = answer.status
            errorCode = answer.header("Error-Code")
            signatureCounts = verdict.counts
            differs = verdict.differing
            explanation = verdict.sentences
        }
    }
}

/// What an answer says about the signature of its request.
struct Verdict {
    /// Whether the signature counts.
    let counts: Bool
    /// For people.
    let sentences: [String]
    /// The covered components that the server saw otherwise, or not at all.
    let differing: [String]
    /// What the server signed itself, when it says so.
    let serverDigests: [(component: String, digest: String)]?

    /// - Parameter now: Unix seconds by our clock.
    init(_ signed: SignedRequest, _ answer: TransportResponse, now: Int64) {
        let digests = answer.header("Signature-Base-Digests").map(Self.digests)
        serverDigests = digests
        counts = answer.status != 401
        guard !counts else {
            differing = []
            sentences = [Self.accepted(answer)]
            return
        }
        guard let digests else {
            differing = []
            sentences = Self.advice(answer, signed, now)
            return
        }
        let lines = signed.signingString.lines
        var differing: [String] = []
        var sentences: [String] = []
        for line in lines {
            let shown = String(decoding: line.octets, as: UTF8.self)
            guard let theirs = digests.first(where: { $0.component == line.component }) else {
                differing.append(line.component)
                sentences.append(
                    "\(line.component) is not there for the server: it did not arrive, or the server cannot take it from this request. Signed was: \(shown)"
                )
                // Lines after one that is missing were not computed.
                break
            }
            guard theirs.digest != line.digest else { continue }
            differing.append(line.component)
            sentences.append(
                "\(line.component) differs at the server, so it was changed on its way. Signed was: \(shown)")
        }
        self.differing = differing
        self.sentences =
            !sentences.isEmpty
            ? sentences
            : [
                "Both ends have signed the same text, so the keys differ: look at the secret or private key, and at the algorithm."
            ]
    }

    private static func accepted(_ answer: TransportResponse) -> String {
        switch answer.status {
        case 403:
            "The signature counts, but its key may not do this: look at the scopes of the key and the roles of its account."
        case 400..<600: "This is not about the signature."
        default: "The signature counts, if this path asks for one."
        }
    }

    private static func advice(_ answer: TransportResponse, _ signed: SignedRequest, _ now: Int64) -> [String] {
        switch answer.header("Error-Code") {
        case "signature_missing":
            return [
                "No signature arrived: an intermediary drops the header line, or the server wants another form of it."
            ]
        case "signature_stale":
            guard let date = answer.header("Date").flatMap({ HTTPDate.unixSeconds($0) }) else {
                return ["The server takes the time of the signature for wrong, and does not say what time it has."]
            }
            let ahead = date - now
            guard abs(ahead) > 1 else { return ["The clocks agree, so the request was on its way for too long."] }
            return [
                "The clock of this machine is \(abs(ahead)) seconds \(ahead > 0 ? "behind" : "ahead of") the server's. Set it; the SDK, and sign --send, correct for it by themselves."
            ]
        case "signature_invalid":
            return [
                "The server does not say more. The id of the key, its secret, algorithm or end may be wrong; an intermediary may have changed the request; or the same signature has come before.",
                "Of a key that is for debugging the server says which line differs (PATCH /api/keys/{id} with {\"debug\":true}); turn it off afterwards.",
            ] + challenge(answer)
        default:
            return [
                "The server does not say what is wrong with the signature, or wants something else than a signature."
            ]
                + challenge(answer)
        }
    }

    private static func challenge(_ answer: TransportResponse) -> [String] {
        answer.headers.filter { ["www-authenticate", "accept-signature"].contains($0.name.lowercased()) }
            .map { "It asks for: \($0.name): \($0.value)" }
    }

    /// `name=0123456789abcdef, …`, where a name may hold commas in quotes.
    private static func digests(_ text: String) -> [(component: String, digest: String)] {
        text.matches(of: /(?:^|, )(.+?)=([0-9a-f]{16})(?=, |$)/).map { (String($0.1), String($0.2)) }
    }
}
