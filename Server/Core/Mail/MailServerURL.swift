/// Where the mail server is, as `--mail-server` says it.
package struct MailServerURL: Sendable, Equatable {
    package let host: String
    package let port: Int
    /// Whether it is an `smtps` URL.
    package let isTLS: Bool

    /// Takes `smtp://host[:port]` and `smtps://host[:port]`; without a port these are those of submission (RFC 6409 §3.1,
    /// RFC 8314 §7.3).
    init(_ text: String) throws {
        let bare = text.hasSuffix("/") ? String(text.dropLast()) : text
        isTLS = bare.hasPrefix("smtps://")
        guard isTLS || bare.hasPrefix("smtp://"), let authority = Authority(bare.dropFirst(isTLS ? 8 : 7)),
            authority.port != 0
        else {
            throw InvalidSetting(
                "must be like smtp://mail.example.org or smtps://mail.example.org, without a user, a password or a path"
            )
        }
        host = authority.host
        port = authority.port ?? (isTLS ? 465 : 587)
    }

    package var isLocal: Bool { host == "localhost" || IPAddress(host)?.isLoopback == true }
}
