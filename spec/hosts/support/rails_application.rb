# frozen_string_literal: true

require "fileutils"
require "open3"
require "rbconfig"
require "tmpdir"
require_relative "rails_server"

# An application that `rails new` made, with this gem in it.
#
# It runs without a Gemfile of its own: with the gems of the process that the specs run in, Debian's or Bundler's.
class RailsApplication
  # A command of it failed
  class Failed < StandardError; end

  LIB = File.expand_path("../../../lib", __dir__)
  OPTIONS = %w[--api --minimal --skip-bundle --skip-git --skip-sprockets --skip-keeps --quiet].freeze
  # `rails new` itself, wherever the gem is
  NEW = 'require "pathname"; gem "railties"; load Gem.bin_path("railties", "rails")'
  # What of the generated files presumes a Gemfile, or gems that a distribution lacks, and what takes its place
  PATCHES = {
    "config/boot.rb" => [[/.*/m, %(require "pathname"\ngem "railties"\n)]],
    "config/application.rb" => [[/^Bundler\.require.*$/, %(require "sqlite3"\nrequire "karafka_embedded")]],
    "config/environments/development.rb" => [[/^.*EventedFileUpdateChecker.*$/, ""]],
    # A probe speaks HTTP
    "config/environments/production.rb" => [[/^\s*config\.(force_ssl|assume_ssl) = .*$/, ""]]
  }.freeze
  private_constant :LIB, :OPTIONS, :NEW, :PATCHES

  class << self
    # @return [Gem::Version] of Rails
    def version
      Gem::Specification.find_by_name("railties").version
    end

    # @param environment [Hash{String => String, nil}] for every command of it
    # @yieldparam application [RailsApplication] deleted when the block ends
    def open(environment = {})
      Dir.mktmpdir("rails") do |directory|
        yield new(File.join(File.realpath(directory), "shop"), environment).tap(&:generate)
      end
    end
  end

  # @return [String]
  attr_reader :root

  # @param root [String] where it is to be
  # @param environment [Hash{String => String, nil}]
  def initialize(root, environment)
    @root = root
    @environment = {
      "KARAFKA_ENV" => nil, "KARAFKA_REQUIRE_RAILS" => nil, "RACK_ENV" => nil, "SECRET_KEY_BASE" => "0" * 64,
      "RUBYLIB" => [LIB, ENV.fetch("RUBYLIB", nil)].compact.join(File::PATH_SEPARATOR), **environment
    }
  end

  # @api private
  def generate
    capture([RbConfig.ruby, "-e", NEW, "new", root, *OPTIONS], directory: File.dirname(root))
    PATCHES.each { |file, changes| changes.each { |change| edit(file, *change) } }
  end

  # @param words [Array<String>] what comes after `bin/rails`
  # @return [String] what it printed
  # @raise [Failed]
  def rails(*words)
    capture([RbConfig.ruby, "bin/rails", *words], directory: root)
  end

  # @param words [Array<String>] a program of a gem, and its arguments
  # @return [String] what it printed
  # @raise [Failed]
  def program(*words)
    capture([RbConfig.ruby, "-S", *words], directory: root)
  end

  # @yieldparam server [RailsServer] serving; put down when the block ends
  def serve(&block)
    RailsServer.open(root, @environment, &block)
  end

  # @return [String]
  def path(file)
    File.join(root, file)
  end

  # @return [String]
  def read(file)
    File.read(path(file))
  end

  # The way editors save: a reader sees the file as it was, or as it is
  # @param text [String]
  def write(file, text)
    FileUtils.mkdir_p(File.dirname(path(file)))
    File.write("#{path(file)}~", text)
    File.rename("#{path(file)}~", path(file))
  end

  # Replaces the first match of a pattern
  # @param pattern [Regexp, String]
  # @param replacement [String]
  def edit(file, pattern, replacement)
    write(file, read(file).sub(pattern) { replacement })
  end

  # @return [String] what it logged
  def log
    Dir[path("log/*.log")].map { |file| File.read(file, encoding: "UTF-8").scrub }.join
  end

  private

  def capture(command, directory:)
    output, status = Open3.capture2e(@environment, *command, chdir: directory)
    raise Failed, "#{command.join(" ")}: #{output}" unless status.success?

    output
  end
end
