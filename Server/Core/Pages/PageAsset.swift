import GatehouseCryptography
import HTTPTypes

/// A file that the pages need, embedded in the program.
struct PageAsset: Sendable {
    let path: String
    let contentType: String
    let content: [UInt8]
    /// Names this content; another version's differs.
    let version: String

    private init(_ path: String, _ contentType: String, _ content: [UInt8]) {
        self.path = path
        self.contentType = contentType
        self.content = content
        version = String(Base64URL.encode(Digest.sha256(content)).prefix(16))
    }

    static let stylesheet = PageAsset("/pages/style.css", "text/css; charset=utf-8", PackageResources.style_css)
    static let icon = PageAsset("/pages/icon.svg", "image/svg+xml", PackageResources.icon_svg)

    /// As pages name it: another content is another URL.
    var url: String { "\(path)?v=\(version)" }

    /// Kept for ever by whoever asked for this version, else asked for again each time: while servers are being replaced,
    /// a page of one may get its stylesheet from another.
    @Sendable func answer(_ call: Call, _: Anyone) async throws -> Answer {
        var answer = Answer(status: .ok, contentType: contentType, body: content)
        let isThis = try call.queryMembers("v")["v"] == version
        answer.headers[.cacheControl] = isThis ? "public, max-age=31536000, immutable" : "no-cache"
        answer.tag(version, for: call)
        return answer
    }
}
