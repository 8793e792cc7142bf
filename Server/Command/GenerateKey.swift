public import ArgumentParser
public import WebTokens

struct GenerateKey: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sec-gen-key", abstract: "Print a new key that signs tokens, as a JWK on one line.",
        discussion: "Keep it secret: whoever has it can sign in as anybody.")

    @Option(help: "What kind of key: oct for HS256, ed25519 for EdDSA, p256 for ES256, p384 for ES384, rsa for RS256.")
    var type: JWK.Kind = .oct

    func run() throws { try writeLine(JWK.generate(type).json(includingPrivate: true)) }
}

extension JWK.Kind: ExpressibleByArgument {}
