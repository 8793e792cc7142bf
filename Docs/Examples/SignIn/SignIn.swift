import Foundation
import GatehouseClient

/// Shows where somebody is signed in. Asks for name and password the first time, and not again as long as the session lives.
@main
struct SignIn {
    static func main() async throws {
        guard CommandLine.arguments.count == 2 else {
            print("usage: SignIn https://id.example.org")
            exit(2)
        }
        let gatehouse = try Gatehouse(
            server: CommandLine.arguments[1], signingInAt: .ampho(),
            store: FileCredentialStore(path: "credential.json"))
        if try await gatehouse.storedCredential() == nil { try await signIn(gatehouse) }
        for session in try await gatehouse.sessions() {
            print(session.isCurrent ? "*" : " ", session.id, session.createdAt)
        }
    }

    private static func signIn(_ gatehouse: Gatehouse) async throws {
        print("Name: ", terminator: "")
        guard let name = readLine(), let password = getpass("Password: ") else { exit(2) }
        try await gatehouse.signIn(name: name, password: String(cString: password))
    }
}
