# Formula for a Homebrew tap. `url` and `sha256` are those of the source of a release:
#   curl -L https://github.com/pulp-drill/pulp-drill/archive/refs/tags/v0.2.0.tar.gz | sha256sum
class PulpDrill < Formula
  desc "Proves whether backups of PostgreSQL rows and S3 binaries restore"
  homepage "https://github.com/pulp-drill/pulp-drill"
  url "https://github.com/pulp-drill/pulp-drill/archive/refs/tags/v0.2.0.tar.gz"
  sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  license any_of: ["MIT", "Apache-2.0"]

  depends_on "rust" => :build
  depends_on "postgresql@17"

  def install
    system "cargo", "install", *std_cargo_args
    man1.install "docs/pulp-drill.1"
    bash_completion.install "docs/completions/pulp-drill.bash" => "pulp-drill"
    zsh_completion.install "docs/completions/_pulp-drill"
    fish_completion.install "docs/completions/pulp-drill.fish"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/pulp-drill --version")
    system bin/"pulp-drill", "check"
  end
end
