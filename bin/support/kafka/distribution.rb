# frozen_string_literal: true

require "fileutils"

module DevKafka
  # What went wrong, said in one line for people.
  class Error < StandardError; end

  # Kafka's jars, copied from Maven Central once, and the Java command that runs a class of them.
  class Distribution
    HERE = __dir__
    # For what runs a second: compiling well takes longer than it saves, and so does collecting beside the work
    BRIEF = %w[-XX:TieredStopAtLevel=1 -XX:+UseSerialGC].freeze
    VERSION = File.read(File.join(HERE, "pom.xml"))[%r{<kafka\.version>(.+)</kafka\.version>}, 1]

    def initialize(root)
      @lib = File.join(root, "lib-#{VERSION}")
      @lock = File.join(root, ".lib.lock")
    end

    # Copies the jars unless they are there; a second process waits for the first.
    def fetch
      return if File.directory?(@lib)

      FileUtils.mkdir_p(File.dirname(@lib))
      File.open(@lock, File::RDWR | File::CREAT) do |lock|
        lock.flock(File::LOCK_EX)
        copy unless File.directory?(@lib)
      end
    end

    # @return [Array<String>] an argument vector
    def java(main_class, *args, heap: "128m", options: [])
      ["java", "-Xmx#{heap}", "-Xshare:auto", "-Djava.awt.headless=true",
       "-Dlog4j2.configurationFile=#{File.join(HERE, "log4j2.xml")}", *options,
       "-cp", File.join(@lib, "*"), main_class, *args]
    end

    private

    # Copied beside and renamed: a run that was interrupted leaves no half of a class path.
    def copy
      warn "bin/kafka: fetching Kafka #{VERSION} with Maven, once"
      partial = "#{@lib}.partial"
      FileUtils.rm_rf(partial)
      ok = system("mvn", "-q", "-B", "-f", File.join(HERE, "pom.xml"), "dependency:copy-dependencies",
                  "-DoutputDirectory=#{partial}", out: :err)
      raise Error, "mvn is missing: run bin/setup" if ok.nil?
      raise Error, "Maven could not fetch Kafka #{VERSION}: see its messages above" unless ok

      File.rename(partial, @lib)
    end
  end
end
