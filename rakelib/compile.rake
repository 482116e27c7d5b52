# frozen_string_literal: true

# Builds the extension through its extconf.rb, the way `gem install` does, but into the workspace's shared target/.
# Cargo alone decides what is out of date: a file task would take the other profile's library for a fresh one.
module Compile
  NAME = "karafka_embedded"
  EXTENSION = File.join(ROOT, "lib", NAME, "#{NAME}.#{RbConfig::CONFIG["DLEXT"]}")
  EXTCONF = File.join(ROOT, "ext", NAME, "extconf.rb")

  extend Rake::FileUtilsExt

  module_function

  # @param profile [String] cargo's: "release" or "dev"
  def run(profile)
    build = File.join(ROOT, "tmp", "build", "#{RbConfig::CONFIG["arch"]}-#{RUBY_VERSION}-#{profile}")
    mkdir_p build, verbose: false
    Dir.chdir(build) do
      sh RbConfig.ruby, EXTCONF, verbose: false, out: File::NULL unless makefile_fresh?
      sh environment(profile), "make", verbose: false
    end
    install File.join(build, File.basename(EXTENSION))
  end

  # A checkout that was moved or copied brings its Makefile, which has the former place in it.
  def makefile_fresh?
    File.exist?("Makefile") && File.mtime("Makefile") > File.mtime(EXTCONF) &&
      File.foreach("Makefile", chomp: true).any? { |line| line.end_with?("= #{File.dirname(EXTCONF)}") }
  end

  # The library is replaced by a rename: a process that has the old one mapped must not see it change.
  def install(built)
    return if File.exist?(EXTENSION) && FileUtils.compare_file(built, EXTENSION)

    mkdir_p File.dirname(EXTENSION), verbose: false
    cp built, "#{EXTENSION}.new", verbose: false
    mv "#{EXTENSION}.new", EXTENSION, verbose: false
  end

  def environment(profile)
    shared = { "RB_SYS_CARGO_TARGET_DIR" => File.join(ROOT, "target"), "RB_SYS_CARGO_PROFILE" => profile }
    # rb_sys's own flag keeps libruby out of the library's dependencies, but a flag makes Cargo build every crate
    # again. Where libruby is shared anyway, the quick build does without, and shares all crates with `cargo test`.
    return shared unless profile == "dev" && RbConfig::CONFIG["ENABLE_SHARED"] == "yes"

    shared.merge("RB_SYS_GLOBAL_RUSTFLAGS" => "")
  end
end

desc "Compile the extension in release mode"
task(:compile) { Compile.run("release") }

namespace :compile do
  desc "Compile the extension quickly, for development"
  task(:dev) { Compile.run("dev") }
end
