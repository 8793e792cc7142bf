import ArgumentParser
import WebTokens

struct GenerateKey: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sec-gen-key", abstract: "Print a new key that signs tokens, as a JWK on one line.",
        discussion: "Keep it secret: whoever has it can sign in as anybody.")

    enum Kind: String, ExpressibleByArgument, CaseIterable { case oct, ed25519 }

    @Option(help: "What kind of key: oct for HS256, ed25519 for EdDSA.")
    var type: Kind = .oct

    func run() throws {
        let key: JWK =
            switch type {
            case .oct: .generate(.oct)
            case .ed25519: .generate(.ed25519)
            }
        print(key.json(includingPrivate: true))
    }
}
